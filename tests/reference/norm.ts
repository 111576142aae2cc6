import type { NormKind } from "../../src/kernels/norm.ts";

export interface NormReference {
  kind: NormKind;
  /** Scale `[size]`. */
  weight: ArrayLike<number>;
  bias?: ArrayLike<number> | undefined;
  epsilon: number;
}

/** RMSNorm or LayerNorm of every row of `weight.length` elements, in double precision. */
export function normReference(
  { kind, weight, bias, epsilon }: NormReference,
  x: ArrayLike<number>,
): Float64Array {
  const size = weight.length;
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += size) {
    const values = Array.from({ length: size }, (_, i) => x[row + i]!);
    const mean = kind === "layer" ? values.reduce((sum, value) => sum + value, 0) / size : 0;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const scale = 1 / Math.sqrt(squares / size + epsilon);
    values.forEach((value, i) => {
      y[row + i] = (value - mean) * scale * weight[i]! + (bias?.[i] ?? 0);
    });
  }
  return y;
}
