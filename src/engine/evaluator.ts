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
import { checkFinite } from "./finite.ts";
import type { Prefill } from "./prefill.ts";

/** Rows of logits in GPU memory at once: 64 x 49,152 x 4 = 12 MB, 64 x 262,144 x 4 = 67 MB. */
const LOGIT_ROWS = 64;

export interface EvaluatorParts {
  gpu: Gpu;
  buffers: Buffers;
  pipelines: Pipelines;
  scratch: Scratch;
  output: Output;
  prefill: Prefill;
  /** Dispatches that compute the logits of a batch's last token, and where they put them. */
  last: { dispatches: readonly Dispatch[]; logits: GPUBuffer };
  vocabulary: number;
  /** A builder of prefill dispatches. */
  builder: () => ProgramBuilder;
  /** Rows that the scratch buffers hold. */
  chunkRows: number;
}

interface Prepared {
  rows: number;
  logits: GPUBuffer;
  targets: GPUBuffer;
  scores: GPUBuffer;
  logitDispatches: readonly Dispatch[];
  scoreDispatch: Dispatch;
}

/** Logits and log-probabilities of given tokens, or ModelFormatError `not-finite`. Its buffers and pipelines are made at the first use. */
export class Evaluator {
  readonly #parts: EvaluatorParts;
  #prepared: Promise<Prepared> | undefined;

  constructor(parts: EvaluatorParts) {
    this.#parts = parts;
  }

  /** `[ids.length, vocabulary]` */
  async logits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { gpu, vocabulary } = this.#parts;
    const { logits, logitDispatches: each, rows: chunkRows } = await this.#prepare();
    const all = resultArray(ids.length, vocabulary);
    let done = 0;
    const afterChunk = async (rows: number): Promise<void> => {
      const values = new Float32Array(await readBuffer(gpu, logits, rows * vocabulary * 4));
      all.set(checkFinite(values, "logits"), done * vocabulary);
      done += rows;
    };
    await this.#parts.prefill.alone(ids, { signal, each, chunkRows, afterChunk });
    return all;
  }

  /** Logits after the last id alone: `[vocabulary]` */
  async lastLogits(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { gpu, vocabulary, last } = this.#parts;
    await this.#parts.prefill.alone(ids, { signal, last: last.dispatches });
    const values = new Float32Array(await readBuffer(gpu, last.logits, Math.ceil(vocabulary / 4) * 16));
    return checkFinite(values.slice(0, vocabulary), "logits");
  }

  /** `[ids.length - 1]`: natural logarithms */
  async score(ids: readonly number[], signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
    const { gpu } = this.#parts;
    const { targets, scores, logitDispatches, scoreDispatch, rows: chunkRows } = await this.#prepare();
    const context = ids.slice(0, -1);
    const all = new Float32Array(context.length);
    let done = 0;
    const setTargets = (): void => {
      gpu.device.queue.writeBuffer(targets, 0, Uint32Array.from(ids.slice(done + 1, done + 1 + chunkRows)));
    };
    setTargets();
    const afterChunk = async (rows: number): Promise<void> => {
      all.set(checkFinite(new Float32Array(await readBuffer(gpu, scores, rows * 4)), "logits"), done);
      done += rows;
      setTargets();
    };
    await this.#parts.prefill.alone(context, {
      signal,
      each: [...logitDispatches, scoreDispatch],
      chunkRows,
      afterChunk,
    });
    return all;
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
    return { rows, logits, targets, scores, logitDispatches, scoreDispatch };
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
