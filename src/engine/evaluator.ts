import { DoesNotFitError, InputError } from "../errors.ts";
import { allocating } from "../gpu/allocating.ts";
import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { readBuffer } from "../gpu/readback.ts";
import { score } from "../kernels/score.ts";
import type { Output } from "../model/model-reader.ts";
import type { ProgramBuilder } from "../model/program.ts";
import type { Scratch } from "../model/scratch.ts";
import type { Engine } from "./engine.ts";
import { checkFinite } from "./finite.ts";
import { noCounters, type RowWork, type SequenceRequest } from "./sequence.ts";

/** Rows of logits in GPU memory at once: 64 x 49,152 x 4 = 12 MB, 64 x 262,144 x 4 = 67 MB. */
const LOGIT_ROWS = 64;

export interface EvaluatorParts {
  gpu: Gpu;
  buffers: Buffers;
  pipelines: Pipelines;
  scratch: Scratch;
  output: Output;
  engine: Engine;
  /** Dispatches that compute the logits of a batch's draws, and where they put them. */
  last: { dispatches: readonly Dispatch[]; logits: GPUBuffer };
  vocabulary: number;
  /** A builder of prefill dispatches. */
  builder: () => ProgramBuilder;
  /** Rows that the scratch buffers hold. */
  chunkRows: number;
}

interface Prepared {
  logits: GPUBuffer;
  targets: GPUBuffer;
  scores: GPUBuffer;
  logitWork: RowWork;
  scoreWork: RowWork;
}

/** Logits and log-probabilities of given tokens, or ModelFormatError `not-finite`. Its buffers and pipelines are made at the first use. */
export class Evaluator {
  readonly #parts: EvaluatorParts;
  readonly #lastWork: RowWork;
  #prepared: Promise<Prepared> | undefined;

  constructor(parts: EvaluatorParts) {
    this.#parts = parts;
    this.#lastWork = { dispatches: parts.last.dispatches, lastOnly: true };
  }

  /** `[ids.length, vocabulary]` */
  async logits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { gpu, vocabulary, engine } = this.#parts;
    const { logits, logitWork: work } = await this.#prepare();
    const all = resultArray(ids.length, vocabulary);
    await engine.run({
      ...this.#request(ids, work, signal),
      read: async ({ from, rows }, at) => {
        const bytes = vocabulary * 4;
        const values = new Float32Array(await readBuffer(gpu, logits, rows * bytes, at * bytes));
        all.set(checkFinite(values, "logits"), from * vocabulary);
      },
    });
    return all;
  }

  /** Logits after the last id alone: `[vocabulary]` */
  async lastLogits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { gpu, vocabulary, engine, last } = this.#parts;
    let values: Float32Array<ArrayBuffer> | undefined;
    await engine.run({
      ...this.#request(ids, this.#lastWork, signal),
      read: async ({ draws }, _, draw) => {
        if (!draws) return;
        const bytes = vocabulary * 4;
        values = new Float32Array(await readBuffer(gpu, last.logits, bytes, draw * bytes));
      },
    });
    return checkFinite(values!, "logits");
  }

  /** `[ids.length - 1]`: natural logarithms */
  async score(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { gpu, engine } = this.#parts;
    const { targets, scores, scoreWork: work } = await this.#prepare();
    const context = ids.slice(0, -1);
    const all = new Float32Array(context.length);
    if (context.length === 0) return all;
    await engine.run({
      ...this.#request(context, work, signal),
      before: ({ from, rows }, at) => {
        const wanted = Uint32Array.from(ids.slice(from + 1, from + 1 + rows));
        gpu.device.queue.writeBuffer(targets, at * 4, wanted);
      },
      read: async ({ from, rows }, at) => {
        const values = new Float32Array(await readBuffer(gpu, scores, rows * 4, at * 4));
        all.set(checkFinite(values, "logits"), from);
      },
    });
    return all;
  }

  #request(ids: readonly number[], work: RowWork, signal: AbortSignal): SequenceRequest {
    return { ids, shares: false, work, priority: 0, signal, counters: noCounters() };
  }

  async #prepare(): Promise<Prepared> {
    this.#prepared ??= this.#create();
    try {
      return await this.#prepared;
    } catch (error) {
      this.#prepared = undefined; // there may be room another time
      throw error;
    }
  }

  async #create(): Promise<Prepared> {
    const { gpu, buffers, pipelines, scratch, output, vocabulary, builder, chunkRows } = this.#parts;
    const rows = Math.min(LOGIT_ROWS, chunkRows);
    const { made, error: cause } = await allocating(gpu, () => ({
      logits: buffers.storage("logits of a chunk", rows * vocabulary * 4),
      targets: buffers.storage("targets", rows * 4),
      scores: buffers.storage("scores", rows * 4),
    }));
    const { logits, targets, scores } = made;
    if (cause) {
      for (const buffer of [logits, targets, scores]) buffers.release(buffer);
      throw new DoesNotFitError(
        "gpu-memory",
        `The GPU has no room for the logits of ${rows} positions (${rows * vocabulary * 4} bytes). Load the model with a smaller contextLength.`,
        { details: { rows, bytes: rows * vocabulary * 4 }, cause },
      );
    }
    const program = builder();
    program.logits(output, logits);
    const [logitDispatches, scoreDispatch] = await Promise.all([
      program.build(),
      score(
        pipelines,
        gpu,
        { vocabularySize: vocabulary },
        { logits, targets, out: scores, state: scratch.state },
      ),
    ]);
    return {
      logits,
      targets,
      scores,
      logitWork: { dispatches: logitDispatches, rows },
      scoreWork: { dispatches: [...logitDispatches, scoreDispatch], rows },
    };
  }
}

/** @throws InputError `option` where JavaScript has no array of that size */
function resultArray(positions: number, vocabulary: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(positions * vocabulary);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new InputError(
      "option",
      `The logits of ${positions} positions take ${positions * vocabulary * 4} bytes, more than this browser gives one array. Ask for fewer positions, or for the last alone.`,
      { details: { positions, vocabulary }, cause },
    );
  }
}
