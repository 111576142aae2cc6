import type { GgufFile } from "../gguf/gguf.ts";
import { sha256 } from "../storage/hash.ts";

/** Distance of the samples in the file, and bytes of each: 4 KB of a model of 64 MB, 300 KB of one of 5 GB. */
const EVERY = 1024 * 1024;
const SAMPLE = 64;

/**
 * Tells files apart, whatever they were loaded from: SHA-256 over the header's short values, the tensors' places, and samples of the weights taken as
 * these stream by. Against mix-ups, not against forgery: it does not see most bytes.
 */
export class Fingerprint {
  readonly #file: GgufFile;
  readonly #samples: Uint8Array<ArrayBuffer>;

  constructor(file: GgufFile) {
    this.#file = file;
    this.#samples = new Uint8Array((Math.ceil(file.fileBytes / EVERY) + 1) * SAMPLE);
  }

  /** Takes the samples that lie in a piece. @param offset of the piece in the file */
  add(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.byteLength;
    for (let number = Math.floor(offset / EVERY); number * EVERY < end; number++) {
      const from = Math.max(offset, number * EVERY);
      const to = Math.min(end, number * EVERY + SAMPLE);
      if (to <= from || number < 0) continue;
      this.#samples.set(
        bytes.subarray(from - offset, to - offset),
        number * SAMPLE + (from - number * EVERY),
      );
    }
  }

  /** Hexadecimal. */
  async digest(): Promise<string> {
    const { metadata, tensors, fileBytes } = this.#file;
    const short = Object.entries(metadata).filter(([, value]) => !Array.isArray(value));
    const places = tensors.map(({ name, type, dims, offset }) => [name, type, dims, offset]);
    const text = JSON.stringify([fileBytes, short, places], (_, value) =>
      typeof value === "bigint" ? `${value}` : value,
    );
    const header = new TextEncoder().encode(text);
    const all = new Uint8Array(header.length + this.#samples.length);
    all.set(header);
    all.set(this.#samples, header.length);
    return sha256(all);
  }
}
