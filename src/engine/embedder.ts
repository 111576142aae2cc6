import type { Gpu } from "../gpu/device.ts";
import type { Dispatch } from "../gpu/dispatch.ts";
import { readBuffer } from "../gpu/readback.ts";
import type { Pooling } from "../types.ts";
import type { Engine } from "./engine.ts";
import { checkFinite } from "./finite.ts";
import { noCounters, type RowWork } from "./sequence.ts";

export interface EmbedderParts {
  gpu: Gpu;
  engine: Engine;
  /** Dispatches after the layers: the last norm, a classifier. */
  dispatches: readonly Dispatch[];
  /** Token states of a batch `[T, hidden]`, f32. */
  states: GPUBuffer;
  hidden: number;
  /** A reranker's logits `[T, labels]`. */
  ranking: { logits: GPUBuffer; labels: number } | undefined;
  /** Which token a reranker's classifier reads. */
  rankedBy: Pooling;
}

/** Token states of texts, and what is made of them. ModelFormatError `not-finite` where they are no numbers. They are few: pooling is the CPU's work, in double precision. */
export class Embedder {
  readonly #parts: EmbedderParts;
  /** One for all texts: they share batches. */
  readonly #work: RowWork;

  constructor(parts: EmbedderParts) {
    this.#parts = parts;
    this.#work = { dispatches: parts.dispatches };
  }

  /** `[hidden]`, not normalised. Rejects with the signal's reason. */
  async embed(ids: readonly number[], pooling: Pooling, signal: AbortSignal): Promise<Float64Array> {
    const { states, hidden } = this.#parts;
    return this.#pool(ids, states, hidden, pooling, signal);
  }

  /** The classifier's logits, `[labels]`. Rejects with the signal's reason. */
  async rank(ids: readonly number[], signal: AbortSignal): Promise<Float64Array> {
    const { ranking, rankedBy } = this.#parts;
    return this.#pool(ids, ranking!.logits, ranking!.labels, rankedBy, signal);
  }

  async #pool(
    ids: readonly number[],
    buffer: GPUBuffer,
    width: number,
    pooling: Pooling,
    signal: AbortSignal,
  ): Promise<Float64Array> {
    const { gpu, engine } = this.#parts;
    const sum = new Float64Array(width);
    await engine.run({
      ids,
      shares: false,
      work: this.#work,
      priority: 0,
      signal,
      counters: noCounters(),
      read: async ({ from, rows }, row) => {
        const at = row + { mean: 0, first: 0, last: rows - 1 }[pooling];
        const count = pooling === "mean" ? rows : 1;
        const holds = { mean: true, first: from === 0, last: from + rows === ids.length }[pooling];
        if (!holds) return;
        const values = new Float32Array(await readBuffer(gpu, buffer, count * width * 4, at * width * 4));
        for (const [i, value] of values.entries()) sum[i % width]! += value;
      },
    });
    return checkFinite(pooling === "mean" ? sum.map(value => value / ids.length) : sum, "states");
  }
}
