import type { Gpu } from "../gpu/device.ts";
import type { Binding, Dispatch, KernelCode, Pipelines } from "../gpu/dispatch.ts";
import { type Epilogue, epilogueCode } from "./epilogue.ts";
import { type MatvecVariant, matvecVariant, SMALL_TEAMS_THREADS, spread, teamShape } from "./matvec.ts";
import type { Vector } from "./vector.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

export interface MatvecFewOptions {
  weight: Weight;
  epilogue: Epilogue;
  /** Added to the product, a number a row. */
  bias?: Vector | undefined;
  /** Activations `[T, columns]`, f32: those of the whole batch. */
  x: GPUBuffer;
  /** Rows of a batch at most: 2 to 8. More than the batch has cost time, of which reading the weights is the larger part. */
  rows: number;
  /** State of the batch (uniform). */
  state: GPUBuffer;
  /** For tests: another variant than the adapter's own. */
  variant?: Exclude<MatvecVariant, "rows">;
}

/**
 * Product of a weight `[rows, columns]` with the activations of a few tokens: decode of several sequences, which read the
 * weights once for all of them. For GPUs.
 */
export function matvecFew(pipelines: Pipelines, gpu: Gpu, options: MatvecFewOptions): Promise<Dispatch> {
  const { weight, bias, x, rows, state } = options;
  const chosen = options.variant ?? matvecVariant(gpu);
  const variant = chosen === "rows" ? "workgroup" : chosen;
  const epilogue = epilogueCode(options.epilogue, weight.rows, gpu.f16);
  const layout = weightLayout(weight.type, weight.rows, weight.columns);
  const groups = Math.ceil(epilogue.outputs / 4);
  const product = { groups, reads: groups * (epilogue.paired ? 2 : 1), units: weight.columns / 8 };
  const { most, width, lanes } = teamShape(gpu, variant, product, layout.bound);
  const teams = width < most ? SMALL_TEAMS_THREADS / width : 1;
  const constants: Record<string, number> = {
    ...epilogue.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIR_GROUPS: epilogue.paired ? groups : 0,
    LANES: lanes,
    TEAMS: teams,
  };
  if (bias) constants.BIAS_AT = bias.at;
  if (variant === "subgroups") constants.WIDTH = width;
  const code: KernelCode = {
    shader: "matvec-few",
    imports: {
      ...epilogue.imports,
      weights: layout.module,
      bias: bias ? "bias-vector" : "bias-none",
      reduce: variant === "subgroups" ? "reduce-subgroup" : "reduce-workgroup",
    },
    sizes: { ROWS: rows },
    constants,
  };
  const bindings: Record<number, Binding> = {
    ...weightBindings(weight),
    2: x,
    ...epilogue.bindings,
    8: state,
  };
  if (bias) bindings[3] = bias.buffer;
  const label = `matvec-few ${options.epilogue.kind} ${weight.type} ${weight.rows}x${weight.columns}`;
  return pipelines.dispatch(label, code, bindings, spread(Math.ceil(groups / teams)), [
    "matvec-few",
    variant,
  ]);
}
