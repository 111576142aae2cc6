import type { Gpu } from "../gpu/device.ts";
import type { KernelCode, Pipelines, Step } from "../gpu/step.ts";
import { type Epilogue, epilogueCode } from "./epilogue.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

export interface MatmulOptions {
  weight: Weight;
  epilogue: Epilogue;
  /** Activations `[T, columns]`, f32, where T is the state's `rows`: any number. */
  x: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
  /** For tests and measurements: another variant than the adapter's own. */
  variant?: MatmulVariant;
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

export function matmulVariants(gpu: Gpu): readonly MatmulVariant[] {
  if (gpu.software) return ["rows"];
  return gpu.subgroupMatrix
    ? ["matrix-128x128", "matrix-64x64"]
    : ["tile-64x128", "tile-64x64", "tile-32x64"];
}

/** The variant for a weight of so many rows. */
export function matmulVariant(gpu: Gpu, rows: number): MatmulVariant {
  const variants = matmulVariants(gpu);
  const fills = (variant: MatmulVariant): boolean => {
    const { tokens, rows: tileRows } = VARIANTS[variant];
    return Math.ceil(rows / tileRows) * (BATCH / tokens) >= (FULL[variant] ?? 0);
  };
  return variants.find(fills)!; // the last of each kind has no threshold
}

/** Product of a weight `[rows, columns]` with a batch of activations for the epilogue: the prefill form. */
export function matmul(pipelines: Pipelines, gpu: Gpu, options: MatmulOptions): Promise<Step> {
  const { weight, x, state } = options;
  const variant = options.variant ?? matmulVariant(gpu, weight.rows);
  const { shader, imports, tokens, rows } = VARIANTS[variant];
  const epilogue = epilogueCode(options.epilogue, weight.rows, gpu.f16);
  const groups = Math.ceil(weight.rows / 4);
  const code: KernelCode = {
    shader,
    imports: {
      ...epilogue.imports,
      ...imports,
      weights: weightLayout(weight.type, weight.rows, weight.columns).module,
    },
    constants: {
      ...epilogue.constants,
      K: weight.columns,
      GROUPS: groups,
      PAIRED: epilogue.paired ? 1 : 0,
      ...(variant === "rows" ? { THREADS: ROWS_THREADS } : {}),
    },
  };
  const columns = Math.ceil(Math.ceil(groups / 2) / (rows / 8));
  const bindings = { ...weightBindings(weight), 2: x, ...epilogue.bindings, 8: state };
  const label = `matmul ${options.epilogue.kind}`;
  return pipelines.step(label, code, bindings, batch => [columns, Math.ceil(batch / tokens), 1]);
}
