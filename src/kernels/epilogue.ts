import type { ShaderImports } from "../gpu/shader.ts";
import type { Binding } from "../gpu/step.ts";

/** `y[T, rows] = result`; `rows` may be any number. For logits. */
export interface StoreEpilogue {
  kind: "store";
  y: Binding;
}

/** `y[T, rows] += result`; `rows` is a multiple of 4. For the residual stream. */
export interface AddEpilogue {
  kind: "add";
  y: Binding;
}

/** `y[T, F] = silu(gate) * up`: the weight holds F rows of gate, then F of up; F is a multiple of 4. */
export interface GluEpilogue {
  kind: "glu";
  y: Binding;
}

/** `y[T, F] = silu(y) * up`: the second half of a gated MLP whose gate has another type and stands in `y` already. */
export interface GatedEpilogue {
  kind: "gated";
  y: Binding;
}

/** Rotates queries and keys, writes queries to `y` and keys and values into the paged KV cache. */
export interface QkvEpilogue {
  kind: "qkv";
  /** Queries `[T, heads * headDim]`, f32. */
  y: Binding;
  /** KV cache of this layer, laid out as in `shaders/shared/kv-cache.wgsl`, f16 or f32. */
  kv: Binding;
  /** Physical block of each block of 16 positions, u32. */
  blockTable: Binding;
  /** (cos, sin) of `[position, rotated / 2]`, f32 pairs. */
  rope: Binding;
  /** Where the weight's first row stands in [Q | K | V]: 0 unless Q, K and V are multiplied apart. */
  firstRow: number;
  heads: number;
  kvHeads: number;
  /** Multiple of 4. */
  headDim: number;
  /** Leading elements of a head that RoPE rotates, a multiple of 4. */
  rotated: number;
  /** Physical blocks in the cache. */
  kvBlocks: number;
}

/** What a matvec or matmul does with its result: `shaders/shared/epilogue-*.wgsl`. */
export type Epilogue = StoreEpilogue | AddEpilogue | GluEpilogue | GatedEpilogue | QkvEpilogue;

/** The epilogue's part of a kernel: what to add to the product's imports, constants and bindings. */
export interface EpilogueCode {
  imports: ShaderImports;
  constants: Readonly<Record<string, number>>;
  bindings: Readonly<Record<number, Binding>>;
  /** Columns of the product after pairing: the weight's rows, half of them for `glu`. */
  outputs: number;
  /** Two rows of W go into each output: the result of row `r` comes with that of row `r + outputs`. */
  paired: boolean;
}

/**
 * @param rows rows of the weight
 * @param f16 the KV cache holds f16 (`gpu.f16`)
 * @throws RangeError if the shape does not suit the epilogue: a fault of this package, not of the caller
 */
export function epilogueCode(epilogue: Epilogue, rows: number, f16: boolean): EpilogueCode {
  const paired = epilogue.kind === "glu";
  const outputs = paired ? rows / 2 : rows;
  if (epilogue.kind !== "store" && outputs % 4 !== 0) {
    const multiple = paired ? 8 : 4;
    throw new RangeError(
      `Epilogue ${epilogue.kind} needs a multiple of ${multiple} rows; the weight has ${rows}`,
    );
  }
  const imports = { epilogue: `epilogue-${epilogue.kind}`, real: f16 ? "real-f16" : "real-f32" };
  if (epilogue.kind !== "qkv") {
    return { imports, constants: { N: outputs }, bindings: { 4: epilogue.y }, outputs, paired };
  }
  const { y, kv, blockTable, rope, firstRow, heads, kvHeads, headDim, rotated, kvBlocks } = epilogue;
  if (headDim % 4 !== 0 || rotated % 4 !== 0 || rotated > headDim || firstRow % 4 !== 0) {
    throw new RangeError(
      `RoPE of ${rotated} of ${headDim} elements from row ${firstRow}: multiples of 4 are needed`,
    );
  }
  if (firstRow + rows > (heads + 2 * kvHeads) * headDim) {
    throw new RangeError(
      `${rows} rows from ${firstRow} exceed ${heads} + 2 * ${kvHeads} heads of ${headDim}`,
    );
  }
  return {
    imports,
    constants: {
      N: rows,
      FIRST_ROW: firstRow,
      HEADS: heads,
      KV_HEADS: kvHeads,
      HEAD_DIM: headDim,
      ROTATED: rotated,
      KV_BLOCKS: kvBlocks,
    },
    bindings: { 4: y, 5: kv, 6: blockTable, 7: rope },
    outputs,
    paired,
  };
}
