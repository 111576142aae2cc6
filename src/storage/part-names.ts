/** The file names of a split model: `model-00002-of-00003.gguf`, counted from 1. */
import { InputError } from "../errors.ts";

const PART = /-(\d{5})-of-(\d{5})(?=\.gguf$)/i;
/** Models of a terabyte come in about 150 parts; more is a mistake, and each part is a request. */
const MAX_PARTS = 512;

export interface PartName {
  /** From 1. */
  no: number;
  count: number;
}

/** What a path's end says of its place in a split model; `null`: nothing. */
export function partOf(path: string): PartName | null {
  const [, no, count] = PART.exec(path) ?? [];
  return no && count ? { no: Number(no), count: Number(count) } : null;
}

/** The addresses of all parts, in order, from that of any; the address itself where its name is no part's. */
export function partUrls(url: string): string[] {
  const parsed = new URL(url);
  const { pathname } = parsed;
  const part = partOf(pathname);
  if (!part || part.no < 1 || part.no > part.count) return [url];
  if (part.count > MAX_PARTS) {
    throw new InputError(
      "option",
      `${pathname} is one of ${part.count} parts; at most ${MAX_PARTS} are read.`,
      {
        details: { parts: part.count, limit: MAX_PARTS },
      },
    );
  }
  const digits = (n: number): string => String(n).padStart(5, "0");
  return Array.from({ length: part.count }, (_, index) => {
    parsed.pathname = pathname.replace(PART, `-${digits(index + 1)}-of-${digits(part.count)}`);
    return parsed.href;
  });
}
