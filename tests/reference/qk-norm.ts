import type { NormKind } from "../../src/kernels/norm.ts";
import { normReference } from "./norm.ts";

export interface QkNormReference {
  kind: NormKind;
  /** Scales of queries and keys: `[headDim]`, or `[heads, headDim]`. */
  q: Float32Array;
  k: Float32Array;
  /** The mean is taken over all heads together. */
  whole: boolean;
  /** Values are normed, without scales. */
  values?: boolean | undefined;
  epsilon: number;
}

/** `[T, (heads + 2 * kvHeads) * headDim]` with its queries and keys normed, its values as they were or normed without scales. */
export function qkNormReference(
  { kind, q, k, whole, values = false, epsilon }: QkNormReference,
  { heads, kvHeads, headDim }: { heads: number; kvHeads: number; headDim: number },
  qkv: Float32Array,
): Float64Array {
  const out = Float64Array.from(qkv);
  const width = (heads + 2 * kvHeads) * headDim;
  for (let row = 0; row < qkv.length; row += width) {
    for (const [first, count, scales] of [
      [0, heads, q],
      [heads, kvHeads, k],
    ] as const) {
      const part = out.subarray(row + first * headDim, row + (first + count) * headDim);
      const step = whole ? part.length : headDim;
      for (let at = 0; at < part.length; at += step) {
        const own = scales.length > headDim ? scales.subarray(at, at + step) : scales;
        const weight = whole ? scales : own;
        part.set(normReference({ kind, weight, epsilon }, part.slice(at, at + step)), at);
      }
    }
    const weight = new Float32Array(headDim).fill(1);
    const part = out.subarray(row + (heads + kvHeads) * headDim, row + width);
    if (values) part.set(normReference({ kind, weight, epsilon }, part));
  }
  return out;
}
