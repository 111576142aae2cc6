import type { HostTensor } from "./tensors.ts";

/** Rotary position embedding (Su et al. 2021) of some layers: base, and how its frequencies are changed. */
export interface Rope {
  /** Base of the geometric sequence of wavelengths. */
  base: number;
  /** Leading elements of a head that are rotated. */
  dim: number;
  scaling: RopeScaling;
}

/** Divisors of the frequencies, one a pair: `long` where the context exceeds `original` (LongRoPE, Ding et al. 2024). */
export interface RopeFactors {
  short: HostTensor;
  long: HostTensor;
  original: number;
}

export type RopeScaling =
  | { kind: "none" }
  /** Positions are divided by `factor` (position interpolation, Chen et al. 2023). */
  | {
      kind: "linear";
      factor: number;
      factors?: RopeFactors | undefined;
      /** On cosine and sine. */
      magnitude: number;
    }
  /** YaRN (Peng et al. 2023). With `factors` these come first, as in llama.cpp. */
  | {
      kind: "yarn";
      factor: number;
      factors?: RopeFactors | undefined;
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
  if (scaling.kind === "none") return 1;
  const { kind, factor, magnitude } = scaling;
  return kind === "yarn" && factor > 1 ? magnitude * (0.1 * Math.log(factor) + 1) : magnitude;
}

function scaled(given: number, pair: number, { base, dim, scaling }: Rope, positions: number): number {
  if (scaling.kind === "none") return given;
  const { factor, factors } = scaling;
  const divisors = factors && (positions > factors.original ? factors.long : factors.short).values!;
  const frequency = given / (divisors?.[pair] ?? 1);
  if (scaling.kind === "linear") return frequency / factor;
  const { original, betaFast, betaSlow } = scaling;
  // the pair that turns `beta` times within the original context
  const turning = (beta: number): number =>
    (dim * Math.log(original / (beta * 2 * Math.PI))) / (2 * Math.log(base));
  const low = Math.max(0, Math.floor(turning(betaFast)));
  const high = Math.min(dim - 1, Math.ceil(turning(betaSlow)));
  const ramp = Math.min(1, Math.max(0, (pair - low) / Math.max(0.001, high - low)));
  return frequency * (1 - ramp) + (frequency / factor) * ramp;
}
