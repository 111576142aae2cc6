import type { Mamba2Shape } from "../../src/kernels/mamba2.ts";

export interface Mamba2Weights {
  /** `[heads * headDim + 2 * groups * stateDim, taps]` */
  weight: Float32Array;
  /** `[heads * headDim + 2 * groups * stateDim]` */
  bias: Float32Array;
  /** `[heads]` */
  a: Float32Array;
  dt: Float32Array;
  d: Float32Array;
}

/**
 * Mamba-2 over a whole sequence in double precision, token by token: rows of `stride` numbers as z, x, B, C, dt. Gives each head's gated
 * result, and the state at the end, `[heads, stateDim, headDim]`.
 */
export function mamba2Reference(
  { heads, groups, stateDim, headDim, taps }: Mamba2Shape,
  { weight, bias, a, dt, d }: Mamba2Weights,
  x: Float32Array,
  stride: number,
): { y: Float64Array; memory: Float64Array } {
  const inner = heads * headDim;
  const width = inner + 2 * groups * stateDim;
  const tokens = x.length / stride;
  const memory = new Float64Array(heads * stateDim * headDim);
  const y = new Float64Array(tokens * inner);
  const silu = (value: number): number => value / (1 + Math.exp(-value));
  for (let t = 0; t < tokens; t++) {
    const row = Float64Array.from({ length: width }, (_, channel) => {
      let sum = bias[channel]!;
      for (let tap = 0; tap < taps; tap++) {
        const from = t - (taps - 1) + tap;
        if (from >= 0) sum += weight[channel * taps + tap]! * x[from * stride + inner + channel]!;
      }
      return silu(sum);
    });
    for (let head = 0; head < heads; head++) {
      const group = Math.floor(head / (heads / groups));
      const b = row.subarray(inner + group * stateDim);
      const c = row.subarray(inner + (groups + group) * stateDim);
      const step = Math.log1p(Math.exp(x[t * stride + inner + width + head]! + dt[head]!));
      const decay = Math.exp(a[head]! * step);
      for (let column = 0; column < headDim; column++) {
        const input = row[head * headDim + column]!;
        let seen = d[head]! * input;
        for (let n = 0; n < stateDim; n++) {
          const at = (head * stateDim + n) * headDim + column;
          memory[at] = decay * memory[at]! + b[n]! * step * input;
          seen += c[n]! * memory[at]!;
        }
        y[t * inner + head * headDim + column] = seen * silu(x[t * stride + head * headDim + column]!);
      }
    }
  }
  return { y, memory };
}
