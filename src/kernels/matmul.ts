import type { Gpu } from "../gpu/device.ts";
import type { Binding, KernelCode, Pipelines, Step } from "../gpu/step.ts";
import { type Epilogue, epilogueCode } from "./epilogue.ts";
import { type ExpertLists, expertMatrices, expertTiles, type HeldExperts } from "./routing.ts";
import type { Vector } from "./vector.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

export interface MatmulOptions {
  weight: Weight;
  epilogue: Epilogue;
  /** Added to the product, a number a row. */
  bias?: Vector | undefined;
  /** Activations `[T, columns]`, f32, where T is the state's `rows`: any number. */
  x: GPUBuffer;
  /**
   * The weight holds the matrices of all experts (or of those `held`), one below the other, each with a multiple of 4 rows
   * and as the epilogue wants them, the bias those of all. Each pair of token and slot is multiplied by its expert's, for the epilogue's row
   * `token * perToken + slot`. `x` has a row for each token, or where `inputs` is "pairs" for each pair.
   */
  experts?: { lists: ExpertLists; inputs: "tokens" | "pairs"; held?: HeldExperts | undefined } | undefined;
  /** Sequence state (uniform). */
  state: GPUBuffer;
  /** For tests and measurements: another variant than the adapter's own. */
  variant?: MatmulVariant;
}

/**
 * `rows`: a thread computes two row groups for many tokens, nothing shared. `tile`: tiles of both matrices go through
 * workgroup memory.
 */
export type MatmulVariant = "rows" | "tile";

/** Tokens of a thread in `matmul-rows.wgsl`, and threads of its workgroups. */
const ROWS_TOKENS = 32;
const ROWS_THREADS = 8;
/**
 * A tile in `matmul.wgsl`: 64 tokens by 64 rows fill 16 KB. Measured on an H100 against 32 tokens, and against f16 tiles
 * of up to 64 x 128: from 576 x 576 to 16384 x 2048 it was the fastest or within 6 % of it (bench/README.md).
 */
const TILE_TOKENS = 64;
const TILE_ROWS = 64;

export function matmulVariant(gpu: Gpu): MatmulVariant {
  return gpu.software ? "rows" : "tile";
}

/**
 * Product of a weight `[rows, columns]` with a batch of activations for the epilogue: the prefill form.
 * @throws RangeError where shapes do not suit: a fault of this package, not of the caller
 */
export function matmul(pipelines: Pipelines, gpu: Gpu, options: MatmulOptions): Promise<Step> {
  const { weight, bias, experts, x, state } = options;
  const variant = options.variant ?? matmulVariant(gpu);
  const matrices = experts && expertMatrices(weight, experts.lists, experts.held);
  const rows = matrices?.rows ?? weight.rows;
  const epilogue = epilogueCode(options.epilogue, rows, gpu.f16);
  const groups = Math.ceil(rows / 4);
  const half = Math.ceil(groups / 2);
  const imports = {
    ...epilogue.imports,
    weights: weightLayout(weight.type, weight.rows, weight.columns).module,
    bias: bias ? "bias-vector" : "bias-none",
    batch: experts ? "batch-experts" : "batch-tokens",
  };
  const constants: Record<string, number> = {
    ...epilogue.constants,
    ...matrices?.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIRED: epilogue.paired ? 1 : 0,
  };
  if (bias) constants.BIAS_AT = bias.at + (matrices?.biasOffset ?? 0);
  if (experts) constants.PAIRS_PER_INPUT = experts.inputs === "tokens" ? experts.lists.perToken : 1;
  let code: KernelCode;
  let tokens: number;
  let columns: number;
  if (variant === "rows") {
    code = { shader: "matmul-rows", imports, constants: { ...constants, THREADS: ROWS_THREADS } };
    tokens = ROWS_TOKENS;
    columns = Math.ceil(half / ROWS_THREADS);
  } else {
    tokens = experts?.lists.tile ?? TILE_TOKENS;
    const rowLanes = TILE_ROWS / 8;
    code = {
      shader: "matmul",
      imports,
      constants: { ...constants, TOKEN_LANES: tokens / 4, ROW_LANES: rowLanes },
    };
    columns = Math.ceil(half / rowLanes);
  }
  if (experts && experts.lists.tile !== tokens) {
    throw new RangeError(`Tiles of ${experts.lists.tile} pairs for a kernel of ${tokens}`);
  }
  const bindings: Record<number, Binding> = {
    ...weightBindings(weight),
    2: x,
    ...epilogue.bindings,
    8: state,
  };
  if (bias) bindings[3] = bias.buffer;
  if (experts) Object.assign(bindings, { 6: experts.lists.pairs, 7: experts.lists.tiles });
  const label = `matmul ${options.epilogue.kind} ${weight.type} ${weight.rows}x${weight.columns}`;
  return pipelines.step(label, code, bindings, batch => [
    columns,
    experts ? expertTiles(experts.lists, batch) : Math.ceil(batch / tokens),
    1,
  ]);
}
