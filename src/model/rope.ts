import type { HostTensor } from "./tensors.ts";

/** Rotary position embedding (Su et al. 2021) of some layers: base, and how its frequencies are changed. */
export interface Rope {
  /** Base of the geometric sequence of wavelengths. */
  base: number;
  /** Leading elements of a head that are rotated. */
  dim: number;
  scaling: RopeScaling;
}

export type RopeScaling =
  | { kind: "none" }
  /** Positions are divided by `factor` (position interpolation, Chen et al. 2023). */
  | { kind: "linear"; factor: number }
  /** Each frequency is divided by its own factor (Llama 3.1's `rope_freqs.weight`), and by `factor`. */
  | { kind: "factors"; factors: HostTensor; factor: number }
  /** Su-scaled RoPE (LongRoPE, Ding et al. 2024): `long` where the context exceeds `original`; `magnitude` on both. */
  | { kind: "long"; short: HostTensor; long: HostTensor; original: number; magnitude: number }
  /** YaRN (Peng et al. 2023). */
  | {
      kind: "yarn";
      factor: number;
      original: number;
      betaFast: number;
      betaSlow: number;
      /** On top of the paper's 0.1 ln(factor) + 1. */
      magnitude: number;
    };

/**
 * Table of rotations, `[positions, dim / 2]` pairs of (cos, sin), computed in double precision: GPU sine and cosine of
 * large angles are not exact enough at thousands of positions.
 */
export function ropeTable({ base, dim, scaling }: Rope, positions: number): Float32Array<ArrayBuffer> {
  const pairs = dim / 2;
  const magnitude = magnitudeOf(scaling);
  const table = new Float32Array(positions * pairs * 2);
  for (let pair = 0; pair < pairs; pair++) {
    const frequency = scaled(base ** ((-2 * pair) / dim), pair, { base, dim, scaling }, positions);
    for (let position = 0; position < positions; position++) {
      const at = (position * pairs + pair) * 2;
      table[at] = magnitude * Math.cos(position * frequency);
      table[at + 1] = magnitude * Math.sin(position * frequency);
    }
  }
  return table;
}

function magnitudeOf(scaling: RopeScaling): number {
  if (scaling.kind === "long") return scaling.magnitude;
  if (scaling.kind === "yarn") return scaling.magnitude * (0.1 * Math.log(scaling.factor) + 1);
  return 1;
}

function scaled(frequency: number, pair: number, { base, dim, scaling }: Rope, positions: number): number {
  switch (scaling.kind) {
    case "none":
      return frequency;
    case "linear":
      return frequency / scaling.factor;
    case "factors":
      return frequency / scaling.factors.values![pair]! / scaling.factor;
    case "long":
      return frequency / (positions > scaling.original ? scaling.long : scaling.short).values![pair]!;
    case "yarn": {
      const { factor, original, betaFast, betaSlow } = scaling;
      // the pair that turns `beta` times within the original context
      const turning = (beta: number): number =>
        (dim * Math.log(original / (beta * 2 * Math.PI))) / (2 * Math.log(base));
      const low = Math.max(0, Math.floor(turning(betaFast)));
      const high = Math.min(dim - 1, Math.ceil(turning(betaSlow)));
      const ramp = Math.min(1, Math.max(0, (pair - low) / Math.max(0.001, high - low)));
      return frequency * (1 - ramp) + (frequency / factor) * ramp;
    }
  }
}
