import type { Gpu } from "../gpu/device.ts";
import type { Binding, Dispatch, KernelCode, Pipelines } from "../gpu/dispatch.ts";
import { chosenVariant, type Variants } from "./choice.ts";
import { type Epilogue, epilogueCode } from "./epilogue.ts";
import { type ExpertLists, expertMatrices, expertTiles, type HeldExperts } from "./routing.ts";
import type { Vector } from "./vector.ts";
import { type Weight, type WeightType, weightBindings, weightLayout } from "./weights.ts";

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
  /** Another variant than the adapter's own for prompts. */
  variant?: MatmulVariant | undefined;
}

/**
 * `rows`: a thread computes two row groups for many tokens, nothing shared. `tile`: tiles of both matrices, tokens by
 * rows, go through workgroup memory, in f32. `matrix`: the same in f16 for matrix units, with f32 sums.
 */
export type MatmulVariant = keyof typeof VARIANTS;

/** Tokens and rows of a workgroup; constants of `matmul-rows.wgsl`, `tile-*.wgsl` and `matmul-subgroup-matrix*.wgsl`. */
const VARIANTS = {
  rows: { shader: "matmul-rows", imports: {}, tokens: 32, rows: 64 },
  "tile-64x128": { shader: "matmul", imports: { tile: "tile-64x128" }, tokens: 64, rows: 128 },
  "tile-64x64": { shader: "matmul", imports: { tile: "tile-64x64" }, tokens: 64, rows: 64 },
  "tile-32x64": { shader: "matmul", imports: { tile: "tile-32x64" }, tokens: 32, rows: 64 },
  "matrix-128x128": {
    shader: "matmul-subgroup-matrix",
    imports: { integers: "integers-exponent" },
    tokens: 128,
    rows: 128,
  },
  "matrix-64x64": {
    shader: "matmul-subgroup-matrix-small",
    imports: { integers: "integers-exponent" },
    tokens: 64,
    rows: 64,
  },
} as const;

/** Threads of a workgroup of `matmul-rows.wgsl`, with 8 rows each. */
const ROWS_THREADS = 8;
/**
 * Larger tiles compute more for what they read, smaller ones fill the GPU. Measured on an H100 with 512 tokens
 * (bench/README.md): below so many workgroups in that batch the next smaller tile is faster.
 */
const BATCH = 512;
const FULL: Readonly<Partial<Record<MatmulVariant, number>>> = {
  "tile-64x128": 256,
  "tile-64x64": 192,
  "matrix-128x128": 96,
};

/** From large to small. */
const SIZES: Readonly<Record<Variants["matmul"], readonly MatmulVariant[]>> = {
  rows: ["rows"],
  matrix: ["matrix-128x128", "matrix-64x64"],
  tile: ["tile-64x128", "tile-64x64", "tile-32x64"],
};

export function matmulVariants(gpu: Gpu): readonly MatmulVariant[] {
  return SIZES[chosenVariant(gpu, "matmul")];
}

/**
 * The variant for a matrix of so many rows. Matrix units take f16, which F32 weights may exceed, and a router's choice should not
 * depend on it.
 */
export function matmulVariant(gpu: Gpu, rows: number, type: WeightType): MatmulVariant {
  const chosen = chosenVariant(gpu, "matmul");
  const variants = SIZES[chosen === "matrix" && type === "F32" ? "tile" : chosen];
  const fills = (variant: MatmulVariant): boolean => {
    const { tokens, rows: tileRows } = VARIANTS[variant];
    return Math.ceil(rows / tileRows) * (BATCH / tokens) >= (FULL[variant] ?? 0);
  };
  return variants.find(fills)!; // the last of each kind has no threshold
}

/** The variant for lists of experts, whose tiles are as large as its own. Matrix units are not used. */
function expertsVariant(gpu: Gpu, { tile }: ExpertLists): MatmulVariant {
  if (gpu.software) return "rows";
  return tile === VARIANTS["tile-32x64"].tokens ? "tile-32x64" : "tile-64x64";
}

/**
 * Product of a weight `[rows, columns]` with a batch of activations for the epilogue: the prefill form.
 * @throws RangeError where shapes do not suit: a fault of this package, not of the caller
 */
export function matmul(pipelines: Pipelines, gpu: Gpu, options: MatmulOptions): Promise<Dispatch> {
  const { weight, bias, experts, x, state } = options;
  const matrices = experts && expertMatrices(weight, experts.lists, experts.held);
  const rows = matrices?.rows ?? weight.rows;
  const variant =
    options.variant ?? (experts ? expertsVariant(gpu, experts.lists) : matmulVariant(gpu, rows, weight.type));
  const { shader, imports, tokens, rows: tileRows } = VARIANTS[variant];
  if (experts && (experts.lists.tile !== tokens || variant.startsWith("matrix"))) {
    throw new RangeError(`Tiles of ${experts.lists.tile} pairs for ${variant}`);
  }
  const epilogue = epilogueCode(options.epilogue, rows, gpu.f16);
  const groups = Math.ceil(rows / 4);
  const constants: Record<string, number> = {
    ...epilogue.constants,
    ...matrices?.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIRED: epilogue.paired ? 1 : 0,
  };
  if (bias) constants.BIAS_AT = bias.at + (matrices?.biasOffset ?? 0);
  if (experts) constants.PAIRS_PER_INPUT = experts.inputs === "tokens" ? experts.lists.perToken : 1;
  if (variant === "rows") constants.THREADS = ROWS_THREADS;
  const code: KernelCode = {
    shader,
    imports: {
      ...epilogue.imports,
      ...imports,
      weights: weightLayout(weight.type, weight.rows, weight.columns).module,
      bias: bias ? "bias-vector" : "bias-none",
      batch: experts ? "batch-experts" : "batch-tokens",
    },
    constants,
  };
  const columns = Math.ceil(Math.ceil(groups / 2) / (tileRows / 8));
  const bindings: Record<number, Binding> = {
    ...weightBindings(weight),
    2: x,
    ...epilogue.bindings,
    8: state,
  };
  if (bias) bindings[3] = bias.buffer;
  if (experts) Object.assign(bindings, { 6: experts.lists.pairs, 7: experts.lists.tiles });
  const label = `matmul ${options.epilogue.kind} ${weight.type} ${weight.rows}x${weight.columns}`;
  const tiles = (batch: number): number =>
    experts ? expertTiles(experts.lists, batch) : Math.ceil(batch / tokens);
  return pipelines.dispatch(label, code, bindings, batch => [columns, tiles(batch), 1], ["matmul", variant]);
}
