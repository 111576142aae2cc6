import type { Gpu } from "../gpu/device.ts";
import { type Dispatch, encodeDispatches, splitDispatches } from "../gpu/dispatch.ts";
import { unlessLost } from "../gpu/loss.ts";
import { stateBytes } from "../kernels/state.ts";
import type { KvSequence, KvStore } from "../model/kv/store.ts";
import type { Scratch } from "../model/scratch.ts";
import type { Pacing } from "./pacing.ts";
import type { SubmitClock } from "./submit-clock.ts";

export interface PrefillOptions {
  signal?: AbortSignal | undefined;
  /** Dispatches after every chunk. */
  each?: readonly Dispatch[];
  /** Dispatches after the last chunk, such as logits and sampling. */
  last?: readonly Dispatch[];
  /** Tokens of the request sampled before. Default 0. */
  generated?: number;
  clock?: SubmitClock;
  chunkRows?: number;
  /** Called when a chunk is queued, before the next one overwrites the scratch buffers. */
  afterChunk?: (rows: number) => Promise<void>;
}

/** Everything is queued. */
export interface Prefilled {
  /** Settles when the GPU is through with it, some 3 ms late. */
  through: Promise<unknown>;
}

/** Submits under way: their end is told some 3 ms late (`onSubmittedWorkDone`), and this covers it. */
const MAX_IN_FLIGHT = 4;

/** Computes a sequence's positions chunk by chunk into the KV cache. */
export class Prefill {
  readonly #gpu: Gpu;
  readonly #dispatches: readonly Dispatch[];
  readonly #kv: KvStore;
  readonly #scratch: Scratch;
  readonly #pacing: Pacing;
  readonly #chunkRows: number;
  readonly #whole: boolean;

  constructor(parts: {
    gpu: Gpu;
    /** Embedding and layers for a chunk. */
    dispatches: readonly Dispatch[];
    kv: KvStore;
    scratch: Scratch;
    pacing: Pacing;
    chunkRows: number;
    /** Each position sees all: a text is one chunk, however long that takes. */
    whole: boolean;
  }) {
    this.#gpu = parts.gpu;
    this.#dispatches = parts.dispatches;
    this.#kv = parts.kv;
    this.#scratch = parts.scratch;
    this.#pacing = parts.pacing;
    this.#chunkRows = parts.chunkRows;
    this.#whole = parts.whole;
  }

  /** A sequence of its own, freed at the end. Rejects with the signal's reason. */
  async alone(ids: readonly number[], options: PrefillOptions & { signal: AbortSignal }): Promise<void> {
    const { sequence } = this.#kv.open();
    try {
      await this.run(sequence, ids, options);
      options.signal.throwIfAborted();
    } finally {
      this.#kv.close(sequence);
    }
  }

  /**
   * Computes those of `ids` that the sequence does not have. Each chunk is spread over submits short enough for the page. An
   * aborted signal ends it early, without an error.
   */
  async run(sequence: KvSequence, ids: readonly number[], options: PrefillOptions = {}): Promise<Prefilled> {
    const {
      signal,
      generated = 0,
      each = [],
      last = [],
      clock,
      chunkRows = this.#chunkRows,
      afterChunk,
    } = options;
    const { queue } = this.#gpu.device;
    const running: Promise<unknown>[] = [];
    let idleSince = 0;
    let rows: number;
    for (let position = sequence.ids.length; position < ids.length && !signal?.aborted; position += rows) {
      const most = this.#whole
        ? chunkRows
        : Math.min(chunkRows, this.#pacing.rowsPerChunk(this.#dispatches.length));
      const chunk = ids.slice(position, this.#kv.chunkEnd(position, most, ids.length));
      rows = chunk.length;
      this.#kv.reserve(sequence, position + rows);
      queue.writeBuffer(this.#scratch.tokens, 0, Uint32Array.from(chunk));
      queue.writeBuffer(this.#scratch.state, 0, stateBytes({ position, rows, finished: false, generated }));
      const isLast = position + rows === ids.length;
      const dispatches = [...this.#dispatches, ...each, ...(isLast ? last : [])];
      const started = performance.now();
      for (const part of splitDispatches(dispatches, this.#pacing.submitsPerChunk(rows))) {
        if (signal?.aborted) break;
        this.#submit(part, rows);
        const sent = performance.now();
        const done = queue.onSubmittedWorkDone().then(() => clock?.ended(sent));
        running.push(done.catch(() => {})); // only a lost GPU fails this, and `lost` tells it
        if (running.length >= MAX_IN_FLIGHT) await unlessLost(this.#gpu, running.shift()!);
      }
      void running.at(-1)?.then(() => {
        const now = performance.now();
        if (!signal?.aborted) this.#pacing.prefilled(rows, now - Math.max(started, idleSince));
        idleSince = now;
      });
      if (!signal?.aborted) {
        this.#kv.checkpoint(sequence, position + rows);
        this.#kv.advance(sequence, chunk);
      }
      await afterChunk?.(rows);
    }
    const through = unlessLost(this.#gpu, Promise.allSettled(running));
    if (signal?.aborted) await through;
    else through.catch(() => {}); // whoever waits for the results hears of a lost GPU
    return { through };
  }

  #submit(dispatches: readonly Dispatch[], rows: number): void {
    const encoder = this.#gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encodeDispatches(pass, dispatches, rows);
    pass.end();
    this.#gpu.device.queue.submit([encoder.finish()]);
  }
}
