import type { Gpu } from "../gpu/device.ts";
import type { Binding, KernelCode, Pipelines, Step, Workgroups } from "../gpu/step.ts";
import { type Epilogue, epilogueCode } from "./epilogue.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

export interface MatvecOptions {
  weight: Weight;
  epilogue: Epilogue;
  /** RMSNorm of the activations before the product. */
  norm?: { weight: GPUBuffer; epsilon: number };
  /**
   * Activations `[T, columns]`, f32; the last of the batch's rows is used. Its result is the epilogue's row 0, at the
   * batch's first position: `qkv` is for batches of one.
   */
  x: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
  /** For tests: another variant than the adapter's own. */
  variant?: MatvecVariant;
}

/** `rows`: a thread a row group; `subgroups`, `workgroup`: a team of threads a row group, reduced that way. */
export type MatvecVariant = "rows" | "subgroups" | "workgroup";

/**
 * Threads of a workgroup. Small matrices spread over the whole GPU with one subgroup each (measured on an H100: 10 to 20 %
 * faster than 64 threads); of large ones 32 workgroups a multiprocessor would leave half of its threads empty.
 */
const THREADS = 64;
const SMALL_THREADS = 32;
const SMALL_GROUPS = 2048;
/** Threads in a team: a whole subgroup where it is that large. */
const MAX_LANES = 32;
/**
 * A matrix of many short rows keeps the GPU busy with smaller teams, whose sums take fewer steps (measured: logits of
 * 49,152 x 576 with 8 lanes take 0.66 of the time with 32).
 */
const BUSY_THREADS = 65_536;
const UNITS_PER_LANE = 8;
/** On a software adapter small workgroups suit few cores better (measured: 32 beats 8, 16 and 64). */
const SOFTWARE_THREADS = 32;
/** WebGPU's limit on workgroups in one dimension. */
const MAX_WORKGROUPS = 65535;

export function matvecVariant(gpu: Gpu): MatvecVariant {
  if (gpu.software) return "rows";
  return gpu.subgroups ? "subgroups" : "workgroup";
}

/** Product of a weight `[rows, columns]` with one activation vector for the epilogue: the decode form. */
export function matvec(pipelines: Pipelines, gpu: Gpu, options: MatvecOptions): Promise<Step> {
  const { weight, norm, x, state } = options;
  const variant = options.variant ?? matvecVariant(gpu);
  const epilogue = epilogueCode(options.epilogue, weight.rows, gpu.f16);
  const groups = Math.ceil(epilogue.outputs / 4);
  const constants: Record<string, number> = {
    ...epilogue.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIR_GROUPS: epilogue.paired ? groups : 0,
  };
  if (norm) constants.EPS = norm.epsilon;
  let perWorkgroup: number;
  if (variant === "rows") {
    constants.THREADS = perWorkgroup = SOFTWARE_THREADS;
  } else {
    const most =
      variant === "subgroups" ? powerOfTwoBelow(Math.min(MAX_LANES, gpu.subgroupMinSize)) : MAX_LANES;
    const lanes = variant === "subgroups" ? teamLanes(most, groups, weight.columns / 8) : most;
    constants.LANES = lanes;
    constants.TEAMS = perWorkgroup = (groups <= SMALL_GROUPS ? SMALL_THREADS : THREADS) / lanes;
  }
  const code: KernelCode = {
    shader: variant === "rows" ? "matvec-rows" : "matvec",
    imports: {
      ...epilogue.imports,
      weights: weightLayout(weight.type, weight.rows, weight.columns).module,
      activation: norm ? "activation-norm" : "activation-plain",
      ...(variant === "rows"
        ? {}
        : { reduce: variant === "subgroups" ? "reduce-subgroup" : "reduce-workgroup" }),
    },
    constants,
  };
  const bindings: Record<number, Binding> = {
    ...weightBindings(weight),
    2: x,
    ...epilogue.bindings,
    8: state,
  };
  if (norm) bindings[3] = norm.weight;
  return pipelines.step(
    `matvec ${options.epilogue.kind} ${weight.type} ${weight.rows}x${weight.columns}`,
    code,
    bindings,
    spread(Math.ceil(groups / perWorkgroup)),
  );
}

/** Workgroups in one row where they fit, else in a square. */
function spread(count: number): Workgroups {
  if (count <= MAX_WORKGROUPS) return [count, 1, 1];
  const width = Math.ceil(Math.sqrt(count));
  return [width, Math.ceil(count / width), 1];
}

function teamLanes(most: number, groups: number, units: number): number {
  let lanes = most;
  while (lanes > 1 && (groups * lanes) / 2 >= BUSY_THREADS && units / lanes < UNITS_PER_LANE) lanes /= 2;
  return lanes;
}

function powerOfTwoBelow(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}
