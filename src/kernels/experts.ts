import type { Gpu } from "../gpu/device.ts";
import type { Binding, Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { type AddEpilogue, epilogueCode, type StoreEpilogue } from "./epilogue.ts";
import {
  type MatvecVariant,
  matvecVariant,
  mostLanes,
  SOFTWARE_THREADS,
  spread,
  teamProduct,
} from "./matvec.ts";
import {
  type ChosenExperts,
  type ExpertLists,
  type ExpertShape,
  expertMatrices,
  type HeldExperts,
} from "./routing.ts";
import { type Vector, vectorBuffer } from "./vector.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

/** WebGPU's limit on threads in a workgroup. */
const MAX_THREADS = 256;
/** Threads of the kernels without products; few where a CPU plays the GPU. */
const THREADS = 64;

export interface SelectOptions extends ChosenExperts {
  /** Router's result `[T, count]`, f32. */
  logits: Binding;
  /**
   * Softmax over all experts: the chosen weights sum to less than 1. Otherwise over the chosen ones alone, which equals
   * a softmax over all whose chosen weights are normalised to sum to 1.
   */
  overAll: boolean;
  /** Factor on the weights. Default 1. */
  scale?: number | undefined;
  /** `[count]`: the weights are shares of sigmoids instead of a softmax, and the greatest sums of sigmoid and bias are chosen. */
  bias?: Vector | undefined;
  /** `[count]`: a factor on each expert's weight. */
  scales?: Vector | undefined;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/**
 * The experts with the greatest logits of each token, greatest first, the lower id on ties, and their weights. Logits
 * of which the greatest is NaN or infinite give valid ids and weights that are NaN.
 */
export function expertsSelect(pipelines: Pipelines, gpu: Gpu, options: SelectOptions): Promise<Dispatch> {
  const { count, perToken, logits, ids, weights, overAll, scale = 1, bias, scales, state } = options;
  if (perToken > count) throw new RangeError(`${perToken} of ${count} experts`);
  const vectors = vectorBuffer([bias, scales]);
  const constants = {
    E: count,
    SLOTS: perToken,
    OVER_ALL: overAll ? 1 : 0,
    SCALE: scale,
    THREADS: gpu.software ? 4 : THREADS,
    ...(bias && { BIAS_AT: bias.at }),
    ...(scales && { EXPERT_SCALE_AT: scales.at }),
  };
  const bindings: Record<number, Binding> = { 0: logits, 1: ids, 2: weights, 8: state };
  if (vectors) bindings[3] = vectors;
  const imports = {
    router: bias ? "router-sigmoid" : "router-softmax",
    "expert-scale": scales ? "expert-scale-vector" : "expert-scale-one",
  };
  return pipelines.dispatch(
    "experts-select",
    { shader: "experts-select", imports, constants },
    bindings,
    rows => [rows, 1, 1],
  );
}

/** Makes the lists for `matmul` from the chosen ids. */
export function expertsGather(
  pipelines: Pipelines,
  gpu: Gpu,
  lists: ExpertLists,
  { ids, state }: { ids: Binding; state: GPUBuffer },
): Promise<Dispatch> {
  const constants = {
    E: lists.count,
    SLOTS: lists.perToken,
    TILE: lists.tile,
    THREADS: gpu.software ? 4 : MAX_THREADS,
  };
  return pipelines.dispatch(
    "experts-gather",
    { shader: "experts-gather", constants },
    { 0: ids, 1: lists.pairs, 2: lists.tiles, 8: state },
    [1, 1, 1],
  );
}

export interface DownOptions extends ChosenExperts {
  /** All experts' matrices `[count * N, columns]`, one below the other; N is a multiple of 4. */
  weight: Weight;
  /** Default: all. */
  held?: HeldExperts | undefined;
  /** `[count * N]`, of all experts. */
  bias?: Vector | undefined;
  /** The slots' activations `[perToken, columns]`, f32. */
  x: GPUBuffer;
  /** `y[1, N]` becomes, or grows by, the sum over the slots of weight times product. */
  epilogue: AddEpilogue | StoreEpilogue;
  /** Sequence state (uniform). */
  state: GPUBuffer;
  /** For tests: another variant than the adapter's own. */
  variant?: MatvecVariant;
}

/** The last product of a mixture of experts for one token, weighed and added up: the decode form. */
export function expertsDown(pipelines: Pipelines, gpu: Gpu, options: DownOptions): Promise<Dispatch> {
  const { weight, bias, x, perToken, ids, weights, state } = options;
  const variant = options.variant ?? matvecVariant(gpu);
  const matrices = expertMatrices(weight, options, options.held);
  const epilogue = epilogueCode(options.epilogue, matrices.rows, gpu.f16);
  const groups = epilogue.outputs / 4;
  const layout = weightLayout(weight.type, weight.rows, weight.columns);
  const imports = {
    ...epilogue.imports,
    weights: layout.module,
    bias: bias ? "bias-vector" : "bias-none",
  };
  const constants = {
    ...epilogue.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIR_GROUPS: 0,
    ...matrices.constants,
    ...(bias ? { BIAS_AT: bias.at + matrices.biasOffset } : {}),
  };
  const bindings: Record<number, Binding> = {
    ...weightBindings(weight),
    2: x,
    ...epilogue.bindings,
    6: ids,
    7: weights,
    8: state,
  };
  if (bias) bindings[3] = bias.buffer;
  if (variant === "rows") {
    const grid = { SLOTS: perToken, THREADS: SOFTWARE_THREADS };
    return pipelines.dispatch(
      "experts-down",
      { shader: "experts-down-rows", imports, constants: { ...constants, ...grid } },
      bindings,
      [Math.ceil(groups / SOFTWARE_THREADS), 1, 1],
      ["experts-down", variant],
    );
  }
  let lanes = mostLanes(gpu, variant);
  while (lanes * perToken > MAX_THREADS) lanes /= 2;
  const team = teamProduct(layout, variant, 1);
  return pipelines.dispatch(
    "experts-down",
    {
      shader: "experts-down",
      imports: { ...imports, ...team.imports },
      sizes: team.sizes,
      constants: {
        ...constants,
        LANES: lanes,
        TEAMS: perToken,
        ...(variant === "subgroups" ? { WIDTH: lanes } : {}),
      },
    },
    bindings,
    spread(groups),
    ["experts-down", variant],
  );
}

export interface CombineBuffers {
  /** Products of the pairs `[T * perToken, size]`, f32. */
  z: Binding;
  /** `[T, perToken]`, f32. */
  weights: Binding;
  /** `[T, size]`, f32. */
  x: Binding;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/**
 * `x[t] += scale * sum over slots s of weights[t, s] * z[t * perToken + s]`: the end of a mixture of experts in prefill. Without a
 * `scale` x is replaced by the sum.
 */
export function expertsCombine(
  pipelines: Pipelines,
  gpu: Gpu,
  { size, perToken }: Pick<ExpertShape, "perToken"> & { size: number },
  { z, weights, x, state }: CombineBuffers,
  scale?: number,
): Promise<Dispatch> {
  const threads = gpu.software ? SOFTWARE_THREADS : THREADS;
  return pipelines.dispatch(
    "experts-combine",
    {
      shader: "experts-combine",
      constants: {
        N: size,
        SLOTS: perToken,
        SCALE: scale ?? 1,
        ADD: scale === undefined ? 0 : 1,
        THREADS: threads,
      },
    },
    { 0: z, 1: weights, 2: x, 8: state },
    rows => [Math.ceil(size / 4 / threads), rows, 1],
  );
}
