import type { HeadGateShape } from "../../src/kernels/head-gate.ts";

/** `[T, heads * headDim]` with each head gated: by a sigmoid, or with a norm of the head first by SiLU. */
export function headGateReference(
  { heads, headDim, gates: { stride, first, step }, epsilon }: HeadGateShape,
  y: ArrayLike<number>,
  gates: Float32Array,
  weight: Float32Array,
): Float64Array {
  return Float64Array.from(y, (value, index) => {
    const element = index % headDim;
    const head = Math.floor(index / headDim) % heads;
    const t = Math.floor(index / headDim / heads);
    const gate = gates[t * stride + first + head * step + element]!;
    const factor = 1 / (1 + Math.exp(-gate));
    if (epsilon === undefined) return value * factor;
    let squares = 0;
    for (let i = index - element; i < index - element + headDim; i++) squares += y[i]! ** 2;
    return (value / Math.sqrt(squares / headDim + epsilon)) * weight[element]! * gate * factor;
  });
}
