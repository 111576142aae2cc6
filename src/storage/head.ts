import { freeBytes } from "./memory.ts";

/** The start of a file, kept from the header reads until its chunks are stored, so that no byte is fetched twice. */
export class Head {
  #parts: Uint8Array[] = [];
  #length = 0;

  /** Bytes known, from offset 0 on. */
  get length(): number {
    return this.#length;
  }

  /** Takes the bytes over: `clear` frees them. */
  append(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** The known bytes of `[start, end)`: empty where `start` is not known. */
  slice(start: number, end: number): Uint8Array<ArrayBuffer> {
    const stop = Math.min(end, this.#length);
    const out = new Uint8Array(Math.max(0, stop - start));
    let offset = 0;
    for (const part of this.#parts) {
      const from = Math.max(start, offset);
      const to = Math.min(stop, offset + part.length);
      if (from < to) out.set(part.subarray(from - offset, to - offset), from - start);
      offset += part.length;
    }
    return out;
  }

  /** Lets the memory go. */
  clear(): void {
    this.#parts.forEach(freeBytes);
    this.#parts = [];
    this.#length = 0;
  }
}
