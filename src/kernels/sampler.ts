import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { PARAMS_BYTES, type PackedSampling, PENALTY_WINDOW, TAIL_OFFSET } from "./sample-params.ts";

export interface SamplerInputs {
  /** V, ids from 0 to V - 1. */
  vocabularySize: number;
  /** Logits of the last position `[V]`, f32. Never changed. */
  logits: GPUBuffer;
  /** Sequence state (uniform and storage). */
  state: GPUBuffer;
  /** `[1]` or more, u32: the sampled id goes to the first. */
  tokens: GPUBuffer;
}

/** How the work is cut; by default what suits the adapter. */
export interface SamplerCut {
  /** Invocations per workgroup, a power of two, at most 256. */
  threads: number;
  /** Slices of the vocabulary, one workgroup each, at most 256. Top-k up to this many is fastest. */
  slices: number;
}

/**
 * The end of a decode step: picks a token from the logits, hands it to the next step and to the host, and advances
 * the state. Sets `state.finished` to 1 after an end token and to 2, without a token, if no logit is usable
 * (NaN, infinite, or every token banned).
 */
export interface Sampler {
  /** For requests with `PackedSampling.greedy`. */
  readonly greedy: readonly Dispatch[];
  /** For all others. */
  readonly sample: readonly Dispatch[];
  /** Ids for the host, u32: the one sampled as number n (from 0) of a request stands at n % RING. */
  readonly ring: GPUBuffer;
  readonly RING: number;
  /**
   * Prepares a request by queue writes: to be called after the last submit of the request before and before
   * the first of this one, with `state.generated` the number of ids that were sampled before.
   * @param promptTail the prompt's last ids; of more than 64 the last 64 count (repetition penalty)
   * @param generated sampled before, by a request that this one goes on with. Default: none
   */
  begin(request: PackedSampling, promptTail: readonly number[], generated?: readonly number[]): void;
}

const RING = 256;
/** A wide workgroup's barriers are cheap on a GPU and dear where a CPU plays one. */
const GPU_CUT: SamplerCut = { threads: 256, slices: 256 };
const SOFTWARE_CUT: SamplerCut = { threads: 8, slices: 64 };

export async function createSampler(
  pipelines: Pipelines,
  gpu: Gpu,
  buffers: Buffers,
  { vocabularySize: V, logits, state, tokens }: SamplerInputs,
  cut: SamplerCut = gpu.software ? SOFTWARE_CUT : GPU_CUT,
): Promise<Sampler> {
  const THREADS = cut.threads;
  const SLICE = THREADS * Math.ceil(V / (THREADS * cut.slices));
  const SLICES = Math.ceil(V / SLICE);
  const params = buffers.uniform("sampler: params", PARAMS_BYTES);
  const history = buffers.storage("sampler: history", (V + PENALTY_WINDOW) * 4);
  const bias = buffers.storage("sampler: bias", V * 4);
  const ring = buffers.storage("sampler: ids", RING * 4);
  const keys = buffers.storage("sampler: keys", V * 4);
  const peaks = buffers.storage("sampler: peaks", SLICES * 16);
  const slices = buffers.storage("sampler: slices", (SLICES + 1) * 8);
  const kept = buffers.storage("sampler: kept", SLICES * SLICE * 8);
  const candidates = buffers.storage("sampler: candidates", V * 8);

  const scan = (FILTERS: number): Promise<Dispatch> =>
    pipelines.dispatch(
      "sample-scan",
      { shader: "sample-scan", constants: { V, SLICE, THREADS, FILTERS } },
      { 0: logits, 1: keys, 2: peaks, 3: history, 4: bias, 7: params, 8: state },
      [SLICES, 1, 1],
    );
  const commit = { 4: tokens, 5: ring, 6: history, 7: params, 8: state };
  const [scanPlain, greedy, scanFilters, narrow, pick] = await Promise.all([
    scan(0),
    pipelines.dispatch(
      "sample-greedy",
      { shader: "sample-greedy", constants: { V, SLICES, THREADS, RING } },
      { 0: peaks, ...commit },
      [1, 1, 1],
    ),
    scan(1),
    pipelines.dispatch(
      "sample-narrow",
      { shader: "sample-narrow", constants: { V, SLICE, SLICES, THREADS } },
      { 0: keys, 1: peaks, 2: kept, 3: slices, 7: params, 8: state },
      [SLICES, 1, 1],
    ),
    pipelines.dispatch(
      "sample-pick",
      { shader: "sample-pick", constants: { V, SLICE, SLICES, THREADS, RING } },
      { 0: peaks, 1: slices, 2: kept, 3: candidates, ...commit },
      [1, 1, 1],
    ),
  ]);

  const { queue } = gpu.device;
  const begin = (
    request: PackedSampling,
    promptTail: readonly number[],
    generated: readonly number[] = [],
  ): void => {
    const tail = promptTail.slice(-PENALTY_WINDOW);
    const words = new Uint32Array(request.params.slice(0));
    words[TAIL_OFFSET / 4] = tail.length;
    queue.writeBuffer(params, 0, words);
    // written whole, not entry by entry: one write of V words costs less than a few dozen calls
    if (request.usesHistory) queue.writeBuffer(history, 0, initialHistory(V, tail, generated));
    if (request.bias.length > 0) {
      const dense = new Float32Array(V);
      for (const [id, value] of request.bias) dense[id] = value;
      queue.writeBuffer(bias, 0, dense);
    }
  };
  return { greedy: [scanPlain, greedy], sample: [scanFilters, narrow, pick], ring, RING, begin };
}

/** `history` of `sample-commit.wgsl` after these tokens. */
function initialHistory(
  vocabularySize: number,
  tail: readonly number[],
  generated: readonly number[],
): Uint32Array<ArrayBuffer> {
  const history = new Uint32Array(vocabularySize + PENALTY_WINDOW);
  for (const [position, id] of tail.entries()) {
    history[id]! += 1;
    history[vocabularySize + position] = id;
  }
  for (const [index, id] of generated.entries()) {
    const seen = tail.length + index;
    const slot = vocabularySize + (seen % PENALTY_WINDOW);
    if (seen >= PENALTY_WINDOW) history[history[slot]!]! -= 1;
    history[slot] = id;
    history[id]! += 0x101;
  }
  return history;
}
