import { matmulReference, type Product } from "./matmul.ts";

/** RMSNorm of the activations, as in `MatvecOptions.norm`. */
export interface Norm {
  weight: Float32Array<ArrayBuffer>;
  epsilon: number;
}

/** W x + b, or W norm(x) + b, for W `[rows, columns]` and the last of the rows of x `[T, columns]`. */
export function matvecReference(
  x: Float32Array,
  w: Float32Array,
  rows: number,
  columns: number,
  norm: Norm | null,
  bias?: Float32Array,
): Product {
  const last = Float64Array.from(x.subarray(x.length - columns));
  if (!norm) return matmulReference(last, w, rows, columns, bias);
  const squares = last.reduce((sum, value) => sum + value * value, 0);
  const scale = 1 / Math.sqrt(squares / columns + norm.epsilon);
  return matmulReference(
    last.map((value, i) => value * scale * norm.weight[i]!),
    w,
    rows,
    columns,
    bias,
  );
}
