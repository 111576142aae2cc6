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

/** Product of a weight `[rows, columns]` with a batch of activations for the epilogue: the prefill form. */
export function matmul(pipelines: Pipelines, gpu: Gpu, options: MatmulOptions): Promise<Step> {
  const { weight, x, state } = options;
  const variant = options.variant ?? matmulVariant(gpu);
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
  if (variant === "rows") {
    code = { shader: "matmul-rows", imports, constants: { ...constants, THREADS: ROWS_THREADS } };
    tokens = ROWS_TOKENS;
    columns = Math.ceil(half / ROWS_THREADS);
  } else {
    tokens = TILE_TOKENS;
    const rowLanes = TILE_ROWS / 8;
    code = {
      shader: "matmul",
      imports,
      constants: { ...constants, TOKEN_LANES: tokens / 4, ROW_LANES: rowLanes },
    };
    columns = Math.ceil(half / rowLanes);
  }
  const bindings = { ...weightBindings(weight), 2: x, ...epilogue.bindings, 8: state };
  const label = `matmul ${options.epilogue.kind} ${weight.type} ${weight.rows}x${weight.columns}`;
  return pipelines.step(label, code, bindings, batch => [columns, Math.ceil(batch / tokens), 1]);
}
