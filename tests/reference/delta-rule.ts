import type { DeltaRuleShape } from "../../src/kernels/delta-rule.ts";
import { headGateReference } from "./head-gate.ts";

export interface DeltaRuleWeights {
  /** `[2 * keyHeads * keyDim + heads * valueDim, taps]` */
  weight: Float32Array;
  /** `[heads]` */
  a: Float32Array;
  dt: Float32Array;
  /** `[valueDim]` */
  norm: Float32Array;
}

/**
 * A gated delta net over a whole sequence in double precision, token by token: rows of `stride` numbers as
 * q, k, v, z, beta, alpha. Also gives the state at the end, `[heads, keyDim, valueDim]`.
 */
export function deltaRuleReference(
  { heads, keyHeads, keyDim, valueDim, taps, epsilon }: DeltaRuleShape,
  { weight, a, dt, norm }: DeltaRuleWeights,
  x: Float32Array,
  stride: number,
): { y: Float64Array; memory: Float64Array } {
  const width = 2 * keyHeads * keyDim + heads * valueDim;
  const tokens = x.length / stride;
  const memory = new Float64Array(heads * keyDim * valueDim);
  const y = new Float64Array(tokens * heads * valueDim);
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
  for (let t = 0; t < tokens; t++) {
    const row = Float64Array.from({ length: width }, (_, channel) => {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) {
        const from = t - (taps - 1) + tap;
        if (from >= 0) sum += weight[channel * taps + tap]! * x[from * stride + channel]!;
      }
      return sum * sigmoid(sum);
    });
    const unit = (first: number): Float64Array => {
      const part = row.slice(first, first + keyDim);
      const length = Math.sqrt(part.reduce((sum, value) => sum + value * value, 1e-6));
      return part.map(value => value / length);
    };
    for (let head = 0; head < heads; head++) {
      const q = unit((head % keyHeads) * keyDim);
      const k = unit((keyHeads + (head % keyHeads)) * keyDim);
      const gates = t * stride + width + heads * valueDim + head;
      const beta = sigmoid(x[gates]!);
      const decay = Math.exp(a[head]! * Math.log1p(Math.exp(x[gates + heads]! + dt[head]!)));
      for (let column = 0; column < valueDim; column++) {
        const at = (i: number): number => (head * keyDim + i) * valueDim + column;
        let known = 0;
        for (let i = 0; i < keyDim; i++) known += decay * memory[at(i)]! * k[i]!;
        const change = beta * (row[2 * keyHeads * keyDim + head * valueDim + column]! - known);
        let seen = 0;
        for (let i = 0; i < keyDim; i++) {
          memory[at(i)] = decay * memory[at(i)]! + k[i]! * change;
          seen += memory[at(i)]! * q[i]!;
        }
        y[(t * heads + head) * valueDim + column] = seen / Math.sqrt(keyDim);
      }
    }
  }
  const gates = { stride, first: width, step: valueDim };
  return { y: headGateReference({ heads, headDim: valueDim, gates, epsilon }, y, x, norm), memory };
}
