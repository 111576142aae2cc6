import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type GgufFile, parseGguf } from "../../../src/gguf/gguf.ts";

const folder = resolve(import.meta.dirname, "../../golden/faults");

/** A file of `tests/golden/faults`, by its name without the ending. */
export const faultBytes = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(resolve(folder, `${name}.gguf`)));

export function parsed(bytes: Uint8Array): Promise<GgufFile> {
  return parseGguf(async (offset, length) => bytes.slice(offset, offset + length), bytes.length);
}
