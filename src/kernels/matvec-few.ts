import type { Gpu } from "../gpu/device.ts";
import type { Binding, Dispatch, KernelCode, Pipelines } from "../gpu/dispatch.ts";
import { type Epilogue, epilogueCode } from "./epilogue.ts";
import { spread, subgroupsPerGroup } from "./matvec.ts";
import type { Vector } from "./vector.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

export interface MatvecFewOptions {
  weight: Weight;
  epilogue: Epilogue;
  /** Added to the product, a number a row. */
  bias?: Vector | undefined;
  /** Activations `[T, columns]`, f32. */
  x: GPUBuffer;
  /** State of the batch (uniform). */
  state: GPUBuffer;
}

/** Tokens of a workgroup: with more the registers do not suffice. */
const TOKENS = 4;
/** Threads of a row group's columns, so many times as `matvec` would share it among subgroups. */
const LANES = 32;
/** Sums that lie in workgroup memory at a time. */
const SUMS = 512;

/**
 * Product of a weight `[rows, columns]` with the activations of a few tokens: decode of several sequences, which read the
 * weights once for all of them. For GPUs.
 */
export function matvecFew(pipelines: Pipelines, gpu: Gpu, options: MatvecFewOptions): Promise<Dispatch> {
  const { weight, bias, x, state } = options;
  const epilogue = epilogueCode(options.epilogue, weight.rows, gpu.f16);
  const layout = weightLayout(weight.type, weight.rows, weight.columns);
  const groups = Math.ceil(epilogue.outputs / 4);
  const reads = groups * (epilogue.paired ? 2 : 1);
  const lanes = LANES * subgroupsPerGroup(reads, weight.columns / 8, layout.bound);
  const together = Math.min(TOKENS, SUMS / lanes);
  const constants: Record<string, number> = {
    ...epilogue.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIR_GROUPS: epilogue.paired ? groups : 0,
  };
  if (bias) constants.BIAS_AT = bias.at;
  const code: KernelCode = {
    shader: "matvec-few",
    imports: {
      ...epilogue.imports,
      weights: layout.module,
      bias: bias ? "bias-vector" : "bias-none",
    },
    sizes: { TOKENS, LANES: lanes, TOGETHER: together, ROUNDS: TOKENS / together },
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
  const [width, height] = spread(groups);
  return pipelines.dispatch(label, code, bindings, tokens => [width, height, Math.ceil(tokens / TOKENS)]);
}
