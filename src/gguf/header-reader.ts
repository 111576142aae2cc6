/**
 * Reads a header front to back through a small window over the file: few ranged reads, each byte asked for once, and
 * what was parsed is dropped. Everything is little-endian.
 */
import { ModelFormatError } from "../errors.ts";
import { FIRST_READ_BYTES, MAX_HEADER_BYTES, NEXT_READ_BYTES } from "./limits.ts";

/**
 * Reads `length` bytes at `offset`; never called past the end of the file. Where the file's size is not known
 * beforehand, fewer bytes than asked for mean that it ends there.
 */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>;

// ignoreBOM: a vocabulary may hold the token U+FEFF, which a default decoder would swallow.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to this length plain ASCII is decoded by hand: 8 bytes in 45 ns, against 190 to 450 by TextDecoder (Chromium 156). */
const SHORT_STRING_BYTES = 24;

export class HeaderReader {
  /** Used again and again: a new one for each read would leave as many megabytes of garbage as the header has. */
  #memory = new Uint8Array(FIRST_READ_BYTES + NEXT_READ_BYTES);
  #window = this.#memory.subarray(0, 0);
  #view = new DataView(this.#window.buffer);
  /** Offset in the file of the window's first byte. */
  #base = 0;
  /** Position in the window of the next byte to parse. */
  #at = 0;
  #fileBytes: number;

  /** @param fileBytes size of the file; Infinity: not known */
  constructor(
    private readonly readBytes: ReadBytes,
    fileBytes: number,
  ) {
    this.#fileBytes = fileBytes;
  }

  /** Size of the file; Infinity as long as it is not known. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Offset in the file of the next byte to parse. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** Bytes of the file after the next one to parse, that one included. */
  get bytesLeft(): number {
    return this.fileBytes - this.offset;
  }

  /** Parsed bytes that need no further read. */
  get buffered(): number {
    return this.#window.length - this.#at;
  }

  /**
   * Makes sure that `bytes` can be parsed without a further read.
   * @param what Named in the error when the file ends before.
   */
  async need(bytes: number, what: string): Promise<void> {
    if (bytes <= this.buffered) return;
    if (bytes > this.bytesLeft) throw this.truncated(bytes, what);
    const rest = this.buffered;
    const start = this.#base + this.#window.length;
    const step = start === 0 ? FIRST_READ_BYTES : NEXT_READ_BYTES;
    const length = Math.min(Math.max(step, bytes - rest), this.fileBytes - start);
    if (start + length > MAX_HEADER_BYTES + NEXT_READ_BYTES) {
      throw new ModelFormatError(
        "bad-gguf",
        `The GGUF header goes on past ${MAX_HEADER_BYTES} bytes (while reading ${what} at offset ${this.offset}). ` +
          "No known model comes near; the file is most likely damaged. Get it again.",
        { details: { what, offset: this.offset, limit: MAX_HEADER_BYTES } },
      );
    }
    const more = await this.readBytes(start, length);
    if (more.length < length && this.#fileBytes === Number.POSITIVE_INFINITY) {
      this.#fileBytes = start + more.length;
      if (rest + more.length < bytes) throw this.truncated(bytes, what);
    } else if (more.length !== length) {
      throw new ModelFormatError(
        "truncated",
        `Reading ${length} bytes at offset ${start} gave ${more.length}, though the file should have ` +
          `${this.fileBytes} bytes. It is cut short: get it again.`,
        { details: { offset: start, wanted: length, got: more.length, fileBytes: this.fileBytes } },
      );
    }
    this.#shift(more);
  }

  /** The window's unparsed rest goes to its beginning, `more` behind that. */
  #shift(more: Uint8Array): void {
    const rest = this.#window.subarray(this.#at);
    const length = rest.length + more.length;
    if (length > this.#memory.length) this.#memory = new Uint8Array(length);
    this.#memory.set(rest); // also where the two overlap
    this.#memory.set(more, rest.length);
    this.#base = this.offset;
    this.#at = 0;
    this.#window = this.#memory.subarray(0, length);
    this.#view = new DataView(this.#memory.buffer, 0, length);
  }

  /** Nothing is parsed any more: gives the memory back now, where the browser can, and not after the model is loaded. */
  end(): void {
    const { buffer } = this.#memory as {
      buffer: ArrayBuffer & { transfer?(newLength: number): ArrayBuffer };
    };
    buffer.transfer?.(0);
  }

  truncated(bytes: number, what: string): ModelFormatError {
    return new ModelFormatError(
      "truncated",
      `The file ends inside its header: ${what} at offset ${this.offset} takes ${bytes} more bytes, and the file has ` +
        `only ${this.fileBytes}. It is cut short or damaged: get it again.`,
      { details: { what, offset: this.offset, needed: bytes, fileBytes: this.fileBytes } },
    );
  }

  // The methods below parse what `need` has made available.

  u8 = (): number => this.#view.getUint8(this.#advance(1));
  i8 = (): number => this.#view.getInt8(this.#advance(1));
  u16 = (): number => this.#view.getUint16(this.#advance(2), true);
  i16 = (): number => this.#view.getInt16(this.#advance(2), true);
  u32 = (): number => this.#view.getUint32(this.#advance(4), true);
  i32 = (): number => this.#view.getInt32(this.#advance(4), true);
  f32 = (): number => this.#view.getFloat32(this.#advance(4), true);
  f64 = (): number => this.#view.getFloat64(this.#advance(8), true);
  u64 = (): number | bigint => narrow(this.#view.getBigUint64(this.#advance(8), true));
  i64 = (): number | bigint => narrow(this.#view.getBigInt64(this.#advance(8), true));

  /** A u64 that counts something: anything over 2^53 is returned rounded, for the caller's bound to refuse. */
  count(): number {
    const at = this.#advance(8);
    return this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  /** The next `count()` without moving on. */
  peekCount(): number {
    return this.#view.getUint32(this.#at + 4, true) * 2 ** 32 + this.#view.getUint32(this.#at, true);
  }

  text(bytes: number): string {
    const start = this.#advance(bytes);
    const end = start + bytes;
    const window = this.#window;
    if (bytes <= SHORT_STRING_BYTES) {
      let text = "";
      let at = start;
      for (; at < end && window[at]! < 0x80; at++) text += String.fromCharCode(window[at]!);
      if (at === end) return text;
    }
    return decoder.decode(window.subarray(start, end));
  }

  #advance(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
}

/** 64-bit integers become numbers where that loses nothing. */
function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
