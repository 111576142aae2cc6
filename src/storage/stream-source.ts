/** A model that comes as a stream of bytes: consumed once, in file order, into the GPU, and not stored. */

import { abortable } from "../abort.ts";
import { InputError, ModelFormatError } from "../errors.ts";
import type { LoadProgress } from "../types.ts";
import { Head } from "./head.ts";
import { freeBytes } from "./memory.ts";
import { ProgressMeter } from "./progress.ts";
import { CHUNK_BYTES, type ModelPiece, type ModelSource, type StreamOptions } from "./source.ts";

/** Gives the next bytes, at least one; `null` at the end. */
export type PullBytes = () => Promise<Uint8Array<ArrayBuffer> | null>;

export interface OpenStreamOptions {
  /** Called while `stream()` runs, with phase `read`. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  signal: AbortSignal;
}

export class StreamSource implements ModelSource {
  readonly name = "model.gguf";
  readonly url = null;
  readonly missingBytes = 0;
  readonly #pull: PullBytes;
  readonly #options: OpenStreamOptions;
  readonly #closed = new AbortController();
  readonly #head = new Head();
  #size = Number.POSITIVE_INFINITY;

  constructor(pull: PullBytes, options: OpenStreamOptions) {
    this.#pull = pull;
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** The header tells how far the tensors reach; the stream is read up to there. */
  endsAt(bytes: number): void {
    this.#size = bytes;
  }

  /** Bytes of the header; fewer than asked for where the stream ends. */
  async read(offset: number, length: number, options: StreamOptions = {}): Promise<Uint8Array> {
    while (this.#head.length < offset + length) {
      const bytes = await this.#next(options.signal);
      if (!bytes) break;
      this.#head.append(bytes);
    }
    return this.#head.slice(offset, offset + length);
  }

  async *stream(
    start = 0,
    end = this.#size,
    { signal, onProgress = this.#options.onProgress }: StreamOptions = {},
  ): AsyncGenerator<ModelPiece> {
    const meter = new ProgressMeter({ phase: "read", totalBytes: end - start, report: onProgress });
    let rest: Uint8Array = this.#head.slice(start, end);
    let skip = Math.max(0, start - this.#head.length);
    this.#head.clear();
    for (let offset = start; offset < end; ) {
      // Filled up: tensors are written in words, so a piece must not end where the stream happened to break.
      const piece = new Uint8Array(Math.min(CHUNK_BYTES, end - offset));
      for (let filled = 0; filled < piece.length; ) {
        if (rest.length === 0) {
          const next = await this.#next(signal);
          if (!next) throw endsEarly(offset + filled, end);
          rest = next.subarray(skip);
          skip = Math.max(0, skip - next.length);
          continue;
        }
        const part = rest.subarray(0, piece.length - filled);
        piece.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      meter.add(piece.length);
      yield { offset, bytes: piece };
      offset += piece.length;
      freeBytes(piece);
    }
    meter.finish();
  }

  close(): void {
    this.#closed.abort(new DOMException("The model source was closed.", "AbortError"));
    this.#head.clear();
  }

  /** The next bytes, unless the load ends before they come. */
  async #next(signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer> | null> {
    const signals = [this.#closed.signal, this.#options.signal, signal].filter(s => s !== undefined);
    const ended = AbortSignal.any(signals);
    ended.throwIfAborted();
    return abortable(this.#pull(), ended);
  }
}

function endsEarly(offset: number, end: number): ModelFormatError {
  return new ModelFormatError(
    "truncated",
    `The stream ended at byte ${offset}; the model's tensors reach up to byte ${end}. What it comes from is cut short: ` +
      "start a new stream over the whole file.",
    { details: { offset, needed: end } },
  );
}

/** Read from the page's stream at a time: one message to the worker for each. Bytes. */
const PULL_BYTES = 1024 * 1024;
/** Reads of a stream until the page gets a turn. */
const READS_AT_ONCE = 256;

/**
 * Reads a stream in steps of about 1 MiB, for `StreamSource` on the other side of a worker boundary. (Streams
 * themselves cannot be transferred in Safari.) The buffers given are new: the stream's own stay untouched.
 * @throws InputError `option` for a stream that is being read already, or that gives something else than bytes
 */
export function pullFrom(stream: ReadableStream<Uint8Array>): {
  pull: PullBytes;
  cancel: () => Promise<void>;
} {
  if (stream.locked)
    throw notUsable("it is being read already: a stream can be used once, so make a new one");
  const reader = stream.getReader();
  let left: Uint8Array = new Uint8Array(0);
  let done = false;
  let reads = 0;
  const pull: PullBytes = async () => {
    const out = new Uint8Array(PULL_BYTES);
    let filled = 0;
    while (filled < PULL_BYTES && !done) {
      if (left.length === 0) {
        // pieces that are there at once, empty ones without end, would leave the page no moment for anything else
        if (++reads % READS_AT_ONCE === 0) await new Promise(resolve => setTimeout(resolve));
        const step = await reader.read();
        done = step.done;
        if (step.done) break;
        if (!(step.value instanceof Uint8Array)) throw notUsable("it gives something else than Uint8Array");
        left = step.value;
      }
      const part = left.subarray(0, PULL_BYTES - filled);
      out.set(part, filled);
      filled += part.length;
      left = left.subarray(part.length);
    }
    return filled === PULL_BYTES ? out : filled > 0 ? out.slice(0, filled) : null;
  };
  const cancel = (): Promise<void> => {
    const cancelled = reader.cancel();
    reader.releaseLock(); // at once: the stream's own `cancel` may take any time
    return cancelled;
  };
  return { pull, cancel };
}

const notUsable = (why: string): InputError =>
  new InputError("option", `This ReadableStream cannot be loaded: ${why}.`, {
    details: { option: "source" },
  });
