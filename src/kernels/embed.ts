import type { Binding, Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

export interface EmbedBuffers {
  /** Token ids, u32, for `row: "token"` `[T]`, for `row: "sampled"` `[slots]`; else not read. */
  tokens: GPUBuffer;
  /** Output `[T, D]`, f32. */
  x: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

export interface EmbedOptions {
  /** Which row a token gets: its own, that of the token sampled last for its slot, that of its position, or the first one. Default `token`. */
  row?: "token" | "sampled" | "position" | "first";
  /** Factor on the row. Default 1. */
  scale?: number;
  /** Where the weight's first row stands in the whole embedding. Default 0. */
  firstRow?: number;
  /** Add to `x` instead of replacing it. Default false. */
  add?: boolean;
}

const THREADS = 32;

/** Looks rows up: `x[t] = scale * weight[row of t]`, zeros for a row that the weight does not hold. `weight` is `[V, D]`. */
export function embed(
  pipelines: Pipelines,
  weight: Weight,
  buffers: EmbedBuffers,
  { row = "token", scale = 1, firstRow = 0, add = false }: EmbedOptions = {},
): Promise<Dispatch> {
  const { type, rows, columns } = weight;
  const bindings: Record<number, Binding> = { ...weightBindings(weight), 3: buffers.x, 8: buffers.state };
  if (row === "token" || row === "sampled") bindings[2] = buffers.tokens;
  return pipelines.dispatch(
    "embed",
    {
      shader: "embed",
      imports: { weights: weightLayout(type, rows, columns).module, index: `index-${row}` },
      constants: { K: columns, V: rows, FIRST: firstRow, SCALE: scale, ADD: add ? 1 : 0, THREADS },
    },
    bindings,
    tokens => [Math.ceil(columns / 8 / THREADS), tokens, 1],
  );
}
