import { InputError } from "../errors.ts";
import { show } from "../options.ts";
import { isHubAddress } from "../storage/hub-address.ts";
import { absoluteUrl, shownUrl } from "../storage/names.ts";
import { type PullBytes, pullFrom } from "../storage/stream-source.ts";
import type { ModelFile, ModelOrigin } from "../types.ts";

/** A `ModelOrigin` as it crosses to the worker: files, or the pull side of a stream. */
export interface CrossingOrigin {
  from: (string | Blob)[] | PullBytes;
  /** Something of it is downloaded and stored. */
  stored: boolean;
  /** Ends a stream; call it when the load is over. */
  release: () => void;
}

/** @throws InputError `option` */
export async function crossingOrigin(origin: ModelOrigin): Promise<CrossingOrigin> {
  if (origin instanceof ReadableStream) {
    const { pull, cancel } = pullFrom(origin);
    // a stream that failed cannot be cancelled; the load has its error already
    return { from: pull, stored: false, release: () => void cancel().catch(() => {}) };
  }
  const from = await Promise.all(filesOf(origin).map(plainFile));
  if (from.length === 0) throw notAnOrigin(origin);
  return { from, stored: from.some(file => typeof file === "string"), release: () => {} };
}

function filesOf(origin: Exclude<ModelOrigin, ReadableStream>): readonly ModelFile[] {
  if (isOneFile(origin)) return [origin];
  if (Array.isArray(origin)) return origin;
  const files = (Object(origin) as { files?: Iterable<ModelFile> | null }).files;
  if (files === null) return [];
  if (typeof files !== "object" || !(Symbol.iterator in files)) throw notAnOrigin(origin);
  return [...files];
}

function isOneFile(origin: unknown): origin is ModelFile {
  return (
    typeof origin === "string" ||
    origin instanceof URL ||
    origin instanceof Blob ||
    isBytes(origin) ||
    isHandle(origin)
  );
}

function isBytes(origin: unknown): origin is ArrayBuffer | Uint8Array<ArrayBuffer> {
  return origin instanceof ArrayBuffer || origin instanceof Uint8Array;
}

/** By its shape: not every browser has the class, and what lacks it cannot be one. */
function isHandle(origin: unknown): origin is FileSystemFileHandle {
  return typeof (origin as { getFile?: unknown } | null)?.getFile === "function";
}

function plainFile(file: ModelFile): string | Blob | Promise<File> {
  if (file instanceof Blob) return file;
  if (isBytes(file)) return new Blob([file]);
  if (isHandle(file)) return file.getFile();
  if (typeof file === "string" && isHubAddress(file)) return file;
  const url = typeof file === "string" || file instanceof URL ? absoluteUrl(file) : null;
  if (url === null) throw notAnOrigin(file);
  return url;
}

function notAnOrigin(origin: unknown): InputError {
  const what = show(typeof origin === "string" || origin instanceof URL ? shownUrl(String(origin)) : origin);
  return new InputError(
    "option",
    `No model can be loaded from ${what}. Give the address of a .gguf file, hf:owner/repo, a File, its bytes, a ReadableStream, or ` +
      "the list of a split model's files.",
    { details: { option: "source", value: what } },
  );
}
