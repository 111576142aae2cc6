import type { Gpu } from "../gpu/device.ts";
import type { Binding, Dispatch, KernelCode, Pipelines, Workgroups } from "../gpu/dispatch.ts";
import { chosenVariant, type Variants } from "./choice.ts";
import { type Epilogue, epilogueCode } from "./epilogue.ts";
import { type ChosenExperts, expertMatrices, type HeldExperts } from "./routing.ts";
import { type Vector, vectorBuffer } from "./vector.ts";
import { type Weight, type WeightLayout, weightBindings, weightLayout } from "./weights.ts";

export interface MatvecOptions {
  weight: Weight;
  epilogue: Epilogue;
  /** RMSNorm of the activations before the product. */
  norm?: { weight: Vector; epsilon: number } | undefined;
  /** Added to the product, a number a row; in the same buffer as the norm. */
  bias?: Vector | undefined;
  /**
   * Activations `[T, columns]`, f32; the row of the batch's first draw is used. Its result is the epilogue's row 0, at the
   * batch's first position: `qkv` is for batches of one.
   */
  x: GPUBuffer;
  /**
   * The weight holds the matrices of all experts (or of those `held`), one below the other, each with a multiple of 4 rows
   * and as the epilogue wants them, the bias those of all; slot s of the token is multiplied by that of `ids[s]`, for the
   * epilogue's row s. For batches of one.
   */
  experts?:
    | (Pick<ChosenExperts, "count" | "perToken" | "ids"> & { held?: HeldExperts | undefined })
    | undefined;
  /** Each draw's row is multiplied, for the epilogue's row of that number. Default false: the first alone. */
  draws?: boolean;
  /** State of the batch (uniform). */
  state: GPUBuffer;
  /** For tests: another variant than the adapter's own. */
  variant?: MatvecVariant;
}

/** `rows`: a thread a row group; `subgroups`, `workgroup`: a team of threads a row group, reduced that way. */
export type MatvecVariant = Variants["matvec"];

/** Lanes of a subgroup that work together on a row group, where there are so many. */
const MAX_LANES = 32;
/**
 * Row groups that are read at a time: with fewer, several subgroups share each and take a part of its columns, or the GPU's
 * memory waits (measured on an H100: 4096 x 14336 in Q4_0 takes 19 us with 8 subgroups a row group, 21 with 4, 35 with 1). The
 * figures here are the best of those measured for all shapes of four models (bench/README.md).
 */
const BUSY_GROUPS = 2048;
const SPLIT = { most: 8, usual: 4 };
/**
 * Most subgroups share a row group of so many units (8 columns) where there are so few row groups (measured: 1,024 groups of
 * 1,792 units take 19 us with 8 subgroups in Q4_0, 21 with 4; in Q4_K 21.8 and 20.5).
 */
const LONG_UNITS = 600;
const FEW_GROUPS = { memory: 512, instructions: 1024, scales: 512 };
/** Shorter rows are not shared. */
const SHORT_UNITS = 64;
/**
 * A matrix of many short rows keeps the GPU busy with smaller teams, whose sums take fewer steps (measured: logits of
 * 49,152 x 576 with 8 lanes take 0.66 of the time with 32).
 */
const BUSY_THREADS = 65_536;
const UNITS_PER_LANE = 8;
/** Fewer rounds are not worth taking two at a time. */
const UNROLLED_ROUNDS = 4;
/**
 * With so many row groups, all the lanes of a subgroup take two, for which they read the activations once (measured: logits
 * of 128,256 rows gain 7 to 20 %, products of layers lose 18 to 50 %, and so do types bound by memory).
 */
const MANY_GROUPS = 8000;
/** Threads of a workgroup of such teams. */
const SMALL_TEAMS_THREADS = 64;
/** On a software adapter small workgroups suit few cores better (measured: 32 beats 8, 16 and 64). */
export const SOFTWARE_THREADS = 32;
/** WebGPU's limit on workgroups in one dimension. */
const MAX_WORKGROUPS = 65535;

export function matvecVariant(gpu: Gpu): MatvecVariant {
  return chosenVariant(gpu, "matvec");
}

/** Product of a weight `[rows, columns]` with one activation vector for the epilogue: the decode form. */
export function matvec(pipelines: Pipelines, gpu: Gpu, options: MatvecOptions): Promise<Dispatch> {
  const { weight, norm, bias, experts, draws = false, x, state } = options;
  const variant = options.variant ?? matvecVariant(gpu);
  const matrices = experts && expertMatrices(weight, experts, experts.held);
  const epilogue = epilogueCode(options.epilogue, matrices?.rows ?? weight.rows, gpu.f16);
  const layout = weightLayout(weight.type, weight.rows, weight.columns);
  const groups = Math.ceil(epilogue.outputs / 4);
  const slots = experts?.perToken ?? 1;
  const constants: Record<string, number> = {
    ...epilogue.constants,
    ...matrices?.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIR_GROUPS: epilogue.paired ? groups : 0,
  };
  if (norm) Object.assign(constants, { EPS: norm.epsilon, NORM_AT: norm.weight.at });
  if (bias) constants.BIAS_AT = bias.at + (matrices?.biasOffset ?? 0);
  let perWorkgroup: number;
  let team: Pick<KernelCode, "imports" | "sizes"> = {};
  if (variant === "rows") {
    constants.THREADS = perWorkgroup = SOFTWARE_THREADS;
  } else {
    const units = weight.columns / 8;
    const reads = groups * slots * (epilogue.paired ? 2 : 1);
    const { most, width, split, lanes } = teamShape(
      gpu,
      variant,
      { groups: groups * slots, reads, units },
      layout.bound,
    );
    const two =
      layout.bound !== "memory" &&
      width === most &&
      groups >= MANY_GROUPS &&
      groups % 2 === 0 &&
      !epilogue.paired;
    if (two) constants.GROUPS = constants.PAIR_GROUPS = groups / 2;
    constants.TWO_RESULTS = two ? 1 : 0;
    constants.LANES = lanes;
    constants.TEAMS = width < most ? SMALL_TEAMS_THREADS / width : 1;
    perWorkgroup = constants.TEAMS * (two ? 2 : 1);
    if (variant === "subgroups") constants.WIDTH = width;
    team = teamProduct(layout, variant, unrolled(layout.bound, units / lanes, split) ? 2 : 1);
  }
  const code: KernelCode = {
    shader: variant === "rows" ? "matvec-rows" : "matvec",
    imports: {
      ...epilogue.imports,
      weights: layout.module,
      activation: norm ? "activation-norm" : "activation-plain",
      bias: bias ? "bias-vector" : "bias-none",
      expert: experts ? "expert-chosen" : draws ? "expert-draws" : "expert-none",
      ...team.imports,
    },
    sizes: team.sizes,
    constants,
  };
  const bindings: Record<number, Binding> = {
    ...weightBindings(weight),
    2: x,
    ...epilogue.bindings,
    8: state,
  };
  const vectors = vectorBuffer([norm?.weight, bias]);
  if (vectors) bindings[3] = vectors;
  if (experts) bindings[6] = experts.ids;
  const [width, height] = spread(Math.ceil(groups / perWorkgroup));
  const label = `matvec ${options.epilogue.kind} ${weight.type} ${weight.rows}x${weight.columns}`;
  return pipelines.dispatch(
    label,
    code,
    bindings,
    draws ? (_, count) => [width, height, count] : [width, height, slots],
    ["matvec", variant],
  );
}

/** Workgroups in one row where they fit, else in a square. */
export function spread(count: number): Workgroups {
  if (count <= MAX_WORKGROUPS) return [count, 1, 1];
  const width = Math.ceil(Math.sqrt(count));
  return [width, Math.ceil(count / width), 1];
}

/** Threads of a team that is not split: at most a subgroup, where the variant reduces by subgroups. */
export function mostLanes(gpu: Gpu, variant: MatvecVariant): number {
  return variant === "subgroups" ? powerOfTwoBelow(Math.min(MAX_LANES, gpu.subgroupMinSize)) : MAX_LANES;
}

/**
 * Threads of a team: a team reads a row group at a time.
 * @param product row groups to compute, row groups that are read for them, units of 8 columns of each
 */
export function teamShape(
  gpu: Gpu,
  variant: Exclude<MatvecVariant, "rows">,
  { groups, reads, units }: { groups: number; reads: number; units: number },
  bound: WeightLayout["bound"],
): { most: number; width: number; split: number; lanes: number } {
  const most = mostLanes(gpu, variant);
  const split = subgroupsPerGroup(reads, units, bound);
  const width = variant === "subgroups" ? teamLanes(most, groups, units) : most;
  return { most, width, split, lanes: width * split };
}

/** Subgroups that share a row group, each with a part of its columns. @param groups row groups that the product reads */
export function subgroupsPerGroup(groups: number, units: number, bound: WeightLayout["bound"]): number {
  if (groups >= BUSY_GROUPS || units < SHORT_UNITS) return 1;
  return groups <= FEW_GROUPS[bound] && units >= LONG_UNITS ? SPLIT.most : SPLIT.usual;
}

/**
 * How a thread of a team goes through its units, and the team adds up.
 * @param together units whose loads are under way at a time
 */
export function teamProduct(
  { bound }: WeightLayout,
  variant: Exclude<MatvecVariant, "rows">,
  together: number,
): Pick<KernelCode, "imports" | "sizes"> {
  const reduce = variant === "subgroups" ? "reduce-subgroup" : "reduce-workgroup";
  if (bound === "scales")
    return { imports: { "team-product": "team-product-scales", reduce }, sizes: { TOGETHER: 2 } };
  return { imports: { reduce }, sizes: { TOGETHER: together, PHASES: together } };
}

/** @param rounds of a thread, a unit each */
function unrolled(bound: WeightLayout["bound"], rounds: number, split: number): boolean {
  return rounds >= UNROLLED_ROUNDS && (bound === "instructions" || split > 1);
}

function teamLanes(most: number, groups: number, units: number): number {
  let lanes = most;
  while (lanes > 1 && (groups * lanes) / 2 >= BUSY_THREADS && units / lanes < UNITS_PER_LANE) lanes /= 2;
  return lanes;
}

function powerOfTwoBelow(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}
