import type { Gate } from "../../src/kernels/epilogue.ts";
import type { Product } from "./matmul.ts";

/** What a product's result becomes, as in `src/kernels/epilogue.ts`, but for queries, keys and values. */
export interface EpilogueShape {
  kind: "store" | "logits" | "add" | "glu" | "gated" | "activated";
  gate?: Gate;
  stride?: number;
  first?: number;
  scale?: number;
  cap?: number;
}

/** `y [T, stride]` after a product of `rows` rows, where `before` is what stood there. */
export function epilogueReference(
  { kind, gate = "silu", stride, first = 0, scale = 1, cap }: EpilogueShape,
  product: Product,
  rows: number,
  before: ArrayLike<number>,
): Product {
  const outputs = kind === "glu" ? rows / 2 : rows;
  const width = stride ?? outputs;
  const tokens = product.values.length / rows;
  const y: Product = { values: Float64Array.from(before), magnitudes: new Float64Array(before.length) };
  for (let token = 0; token < tokens; token++) {
    for (let row = 0; row < outputs; row++) {
      const at = token * width + first + row;
      const from = token * rows + row;
      const result = { value: product.values[from]!, magnitude: product.magnitudes[from]! };
      const old = { value: before[at]!, magnitude: 0 };
      const set = ({ value, magnitude }: Uncertain): void => {
        y.values[at] = value;
        y.magnitudes[at] = magnitude;
      };
      if (kind === "store") set(result);
      if (kind === "logits") {
        const value = scale * result.value;
        const magnitude = Math.abs(scale) * result.magnitude;
        // the tangent's own error is a part of 1
        if (cap) set({ value: cap * Math.tanh(value / cap), magnitude: magnitude + cap });
        else set({ value, magnitude });
      }
      if (kind === "add") {
        const magnitude = Math.abs(old.value) + Math.abs(scale) * result.magnitude;
        set({ value: old.value + scale * result.value, magnitude });
      }
      if (kind === "activated") set(gateReference(gate, result, { value: 1, magnitude: 0 }));
      if (kind === "gated") set(gateReference(gate, old, result));
      if (kind === "glu") {
        const up = { value: product.values[from + outputs]!, magnitude: product.magnitudes[from + outputs]! };
        set(gateReference(gate, result, up));
      }
    }
  }
  return y;
}

/** A number, and the sum of which rounding errors are a small part. */
export interface Uncertain {
  value: number;
  magnitude: number;
}

/** gate(g, up) in double precision. */
export function gateReference(kind: Gate, gate: Uncertain, up: Uncertain): Uncertain {
  const g = gate.value;
  const factor = kind === "swiglu-oai" ? Math.max(-7, Math.min(7, up.value)) + 1 : up.value;
  const activation = activationReference(kind, g);
  const value = activation * factor;
  // the others' slopes stay below 1.2; an exponential's relative error grows with its argument
  const slope = kind === "relu2" ? 2 * Math.abs(g) : 1.2;
  const argument = Math.abs(g) + (kind === "gelu" ? 0.04 * Math.abs(g) ** 3 : 0);
  const polynomial = kind === "gelu-erf" ? 0.1 * Math.abs(g * factor) : 0;
  const magnitude =
    slope * gate.magnitude * Math.abs(factor) +
    Math.abs(activation) * (up.magnitude + (kind === "swiglu-oai" ? 1 : 0)) +
    Math.abs(value) * (1 + Math.min(argument, 100)) +
    polynomial;
  return { value, magnitude };
}

export function activationReference(kind: Gate, x: number): number {
  switch (kind) {
    case "silu":
      return x / (1 + Math.exp(-x));
    case "gelu":
      // 0.5 x (1 + tanh(u)), written so that nothing cancels for large negative x
      return x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case "gelu-erf":
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "relu2":
      return Math.max(x, 0) ** 2;
    case "tanh":
      return Math.tanh(x);
    case "swiglu-oai": {
      const clamped = Math.min(x, 7);
      return clamped / (1 + Math.exp(-1.702 * clamped));
    }
  }
}

/** 2 / sqrt(pi) exp(-x²) (x + 2x³/3 + 4x⁵/15 + ...): nothing cancels. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
