import type { Buffers } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { PARAMS_BYTES, type PackedSampling, PENALTY_WINDOW, TAIL_OFFSET } from "./sample-params.ts";
import { MAX_SEQUENCES } from "./state.ts";

export interface SamplerInputs {
  /** V, ids from 0 to V - 1. */
  vocabularySize: number;
  /** Logits of the rows that are drawn from `[draws, V]`, f32. Never changed. */
  logits: GPUBuffer;
  /** State of the batch and its sequences (uniform and storage). */
  state: GPUBuffer;
  /** `[slots]`, u32: the sampled ids. */
  tokens: GPUBuffer;
  /** Sequences at a time at most, and draws of a batch. */
  slots: number;
}

/** How the work is cut; by default what suits the adapter. */
export interface SamplerCut {
  /** Invocations per workgroup, a power of two, at most 256. */
  threads: number;
  /** Slices of the vocabulary, one workgroup each, at most 256. Top-k up to this many is fastest. */
  slices: number;
}

/**
 * The end of a step: picks a token for each draw of the batch, hands it to the next step and to the host, and advances
 * the sequence. Its `finished` becomes 1 after an end token and 2, without a token, if no logit is usable (NaN, infinite, or
 * every token banned). Dispatches take as many draws as sequences.
 */
export interface Sampler {
  /** Draws for requests with `PackedSampling.greedy`. */
  readonly greedy: readonly Dispatch[];
  /** Draws for all others. */
  readonly sample: readonly Dispatch[];
  /** Ids for the host `[slots, RING]`, u32: the one sampled as number n (from 0) of a request stands at n % RING. */
  readonly ring: GPUBuffer;
  readonly RING: number;
  /**
   * Prepares a slot for a request by queue writes: to be called after the last submit of the slot's request before and before
   * the first of this one, whose state says how many ids were sampled before.
   * @param promptTail the prompt's last ids; of more than 64 the last 64 count (repetition penalty)
   * @param generated sampled before, by a request that this one goes on with. Default: none
   */
  begin(
    slot: number,
    request: PackedSampling,
    promptTail: readonly number[],
    generated?: readonly number[],
  ): void;
}

const RING = 256;
/** A wide workgroup's barriers are cheap on a GPU and dear where a CPU plays one. */
const GPU_CUT: SamplerCut = { threads: 256, slices: 256 };
const SOFTWARE_CUT: SamplerCut = { threads: 8, slices: 64 };

export async function createSampler(
  pipelines: Pipelines,
  gpu: Gpu,
  buffers: Buffers,
  { vocabularySize: V, logits, state, tokens, slots }: SamplerInputs,
  cut: SamplerCut = gpu.software ? SOFTWARE_CUT : GPU_CUT,
): Promise<Sampler> {
  const THREADS = cut.threads;
  const SLICE = THREADS * Math.ceil(V / (THREADS * cut.slices));
  const SLICES = Math.ceil(V / SLICE);
  const HISTORY = V + PENALTY_WINDOW;
  const params = buffers.uniform("sampler: params", MAX_SEQUENCES * PARAMS_BYTES);
  const history = buffers.storage("sampler: history", slots * HISTORY * 4);
  const bias = buffers.storage("sampler: bias", slots * V * 4);
  const ring = buffers.storage("sampler: ids", slots * RING * 4);
  const keys = buffers.storage("sampler: keys", slots * V * 4);
  const peaks = buffers.storage("sampler: peaks", slots * SLICES * 16);
  const slices = buffers.storage("sampler: slices", slots * (SLICES + 1) * 8);
  const kept = buffers.storage("sampler: kept", slots * SLICES * SLICE * 8);
  const candidates = buffers.storage("sampler: candidates", slots * V * 8);

  const scan = (FILTERS: number): Promise<Dispatch> =>
    pipelines.dispatch(
      "sample-scan",
      { shader: "sample-scan", constants: { V, SLICE, SLICES, THREADS, FILTERS } },
      { 0: logits, 1: keys, 2: peaks, 3: history, 4: bias, 7: params, 8: state },
      (_, draws) => [SLICES, 1, draws],
    );
  const commit = { 4: tokens, 5: ring, 6: history, 7: params, 8: state };
  const [scanPlain, greedy, scanFilters, narrow, pick] = await Promise.all([
    scan(0),
    pipelines.dispatch(
      "sample-greedy",
      { shader: "sample-greedy", constants: { V, SLICES, THREADS, RING } },
      { 0: peaks, ...commit },
      (_, draws) => [draws, 1, 1],
    ),
    scan(1),
    pipelines.dispatch(
      "sample-narrow",
      { shader: "sample-narrow", constants: { V, SLICE, SLICES, THREADS } },
      { 0: keys, 1: peaks, 2: kept, 3: slices, 7: params, 8: state },
      (_, draws) => [SLICES, 1, draws],
    ),
    pipelines.dispatch(
      "sample-pick",
      { shader: "sample-pick", constants: { V, SLICE, SLICES, THREADS, RING } },
      { 0: peaks, 1: slices, 2: kept, 3: candidates, ...commit },
      (_, draws) => [draws, 1, 1],
    ),
  ]);

  const { queue } = gpu.device;
  const begin = (
    slot: number,
    request: PackedSampling,
    promptTail: readonly number[],
    generated: readonly number[] = [],
  ): void => {
    const tail = promptTail.slice(-PENALTY_WINDOW);
    const words = new Uint32Array(request.params.slice(0));
    words[TAIL_OFFSET / 4] = tail.length;
    queue.writeBuffer(params, slot * PARAMS_BYTES, words);
    // written whole, not entry by entry: one write of V words costs less than a few dozen calls
    if (request.usesHistory)
      queue.writeBuffer(history, slot * HISTORY * 4, initialHistory(V, tail, generated));
    if (request.bias.length > 0) {
      const dense = new Float32Array(V);
      for (const [id, value] of request.bias) dense[id] = value;
      queue.writeBuffer(bias, slot * V * 4, dense);
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
