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
 * `rows`: a thread computes two row groups for many tokens, nothing shared. `tile`: tiles of both matrices in
 * workgroup memory, stored as f32 or f16, of `tokens` (a multiple of 32) by `rows` (a multiple of 64), together
 * at most 256 threads of 4 tokens by 8 rows.
 */
export type MatmulVariant =
  | { kind: "rows" }
  | { kind: "tile"; tokens: number; rows: number; storage: "f32" | "f16" };

/** Tokens of a thread in `matmul-rows.wgsl`, and threads of its workgroups. */
const ROWS_TOKENS = 32;
const ROWS_THREADS = 8;
/** Up to here 64 x 64 tiles would leave much of a large GPU idle in a chunk of 512 tokens. */
const SMALL_OUTPUTS = 1024;

export function matmulVariant(gpu: Gpu, rows: number): MatmulVariant {
  if (gpu.software) return { kind: "rows" };
  return { kind: "tile", tokens: rows <= SMALL_OUTPUTS ? 32 : 64, rows: 64, storage: "f32" };
}

/** Product of a weight `[rows, columns]` with a batch of activations for the epilogue: the prefill form. */
export function matmul(pipelines: Pipelines, gpu: Gpu, options: MatmulOptions): Promise<Step> {
  const { weight, x, state } = options;
  const variant = options.variant ?? matmulVariant(gpu, weight.rows);
  const epilogue = epilogueCode(options.epilogue, weight.rows, gpu.f16);
  const groups = Math.ceil(weight.rows / 4);
  const half = Math.ceil(groups / 2);
  const imports = {
    ...epilogue.imports,
    weights: weightLayout(weight.type, weight.rows, weight.columns).module,
  };
  const constants = {
    ...epilogue.constants,
    K: weight.columns,
    GROUPS: groups,
    PAIRED: epilogue.paired ? 1 : 0,
  };
  let code: KernelCode;
  let tokens: number;
  let columns: number;
  if (variant.kind === "rows") {
    code = { shader: "matmul-rows", imports, constants: { ...constants, THREADS: ROWS_THREADS } };
    tokens = ROWS_TOKENS;
    columns = Math.ceil(half / ROWS_THREADS);
  } else {
    tokens = variant.tokens;
    const rowLanes = variant.rows / 8;
    code = {
      shader: "matmul",
      imports: { ...imports, tile: `tile-${variant.storage}` },
      constants: { ...constants, TOKEN_LANES: tokens / 4, ROW_LANES: rowLanes },
    };
    columns = Math.ceil(half / rowLanes);
  }
  const bindings = { ...weightBindings(weight), 2: x, ...epilogue.bindings, 8: state };
  const label = `matmul ${options.epilogue.kind}`;
  return pipelines.step(label, code, bindings, batch => [columns, Math.ceil(batch / tokens), 1]);
}
