import { describe, expect, test } from "vitest";
import { type RopeScaling, ropeTable } from "../../src/model/rope.ts";
import type { HostTensor } from "../../src/model/tensors.ts";

const plain = { base: 10_000, dim: 8, scaling: { kind: "none" } } as const;
/** Frequencies of `plain`: base ** (-2 pair / 8). */
const FREQUENCIES = [1, 1 / 10, 1 / 100, 1 / 1000];

const host = (...values: number[]): HostTensor => ({
  tensor: { name: "factors", type: "F32", dims: [values.length], offset: 0, bytes: 4 * values.length },
  values: Float32Array.from(values),
});

/** (cos, sin) of each pair at a position. */
function rowOf(table: Float32Array, position: number, dim: number): [number, number][] {
  const row = table.subarray(position * dim, (position + 1) * dim);
  return Array.from({ length: dim / 2 }, (_, pair) => [row[2 * pair]!, row[2 * pair + 1]!]);
}

function expectAngles(row: [number, number][], angles: readonly number[], magnitude = 1): void {
  expect(row).toHaveLength(angles.length);
  angles.forEach((angle, pair) => {
    expect(row[pair]![0], `cosine of pair ${pair}`).toBeCloseTo(magnitude * Math.cos(angle), 6);
    expect(row[pair]![1], `sine of pair ${pair}`).toBeCloseTo(magnitude * Math.sin(angle), 6);
  });
}

test("a row holds the cosine and sine of position times each frequency", () => {
  const table = ropeTable(plain, 3);
  expect(table).toHaveLength(3 * 8);
  expect([...table.subarray(0, 8)]).toEqual([1, 0, 1, 0, 1, 0, 1, 0]);
  expectAngles(
    rowOf(table, 2, 8),
    FREQUENCIES.map(frequency => 2 * frequency),
  );
});

test("far positions are as exact as near ones", () => {
  const table = ropeTable({ base: 500_000, dim: 2, scaling: { kind: "none" } }, 100_001);
  expect(table[200_000]).toBe(Math.fround(Math.cos(100_000)));
});

test("linear scaling divides positions", () => {
  const scaled = ropeTable({ ...plain, scaling: { kind: "linear", factor: 4, magnitude: 1 } }, 9);
  expect([...scaled.subarray(64, 72)]).toEqual([...ropeTable(plain, 3).subarray(16, 24)]);
});

test("Llama 3's factors divide each frequency, and the linear factor all of them", () => {
  const all = host(1, 2, 4, 8);
  const factors = { short: all, long: all, original: 8 };
  const row = (factor: number): [number, number][] =>
    rowOf(ropeTable({ ...plain, scaling: { kind: "linear", factors, factor, magnitude: 1 } }, 9), 8, 8);
  expectAngles(row(1), [8, 8 / 10 / 2, 8 / 100 / 4, 8 / 1000 / 8]);
  expectAngles(row(2), [4, 4 / 10 / 2, 4 / 100 / 4, 4 / 1000 / 8]);
});

describe("LongRoPE", () => {
  const scaling = (magnitude: number): RopeScaling => ({
    kind: "linear",
    factor: 1,
    factors: { short: host(1, 1, 1.5, 2), long: host(2, 4, 8, 16), original: 16 },
    magnitude,
  });

  test("takes the short factors up to the original context, the long ones beyond, for every position", () => {
    const short = ropeTable({ ...plain, scaling: scaling(1) }, 16);
    expectAngles(rowOf(short, 15, 8), [15, 15 / 10, 15 / 100 / 1.5, 15 / 1000 / 2]);
    const long = ropeTable({ ...plain, scaling: scaling(1) }, 17);
    expectAngles(rowOf(long, 15, 8), [15 / 2, 15 / 10 / 4, 15 / 100 / 8, 15 / 1000 / 16]);
  });

  test("multiplies both parts by its magnitude, position 0 included", () => {
    const table = ropeTable({ ...plain, scaling: scaling(1.19) }, 17);
    expectAngles(rowOf(table, 0, 8), [0, 0, 0, 0], 1.19);
    expectAngles(rowOf(table, 3, 8), [3 / 2, 3 / 10 / 4, 3 / 100 / 8, 3 / 1000 / 16], 1.19);
  });
});

describe("YaRN", () => {
  // Section 3.2 and 3.3 of the paper, by wavelengths: a pair that turns more than betaFast times within the original
  // context stays, one that turns less than betaSlow times is stretched by the factor, and between the pairs at which
  // these limits lie (rounded outwards, as every implementation does) the share falls along a line.
  const options = { factor: 4, original: 2048, betaFast: 32, betaSlow: 1 };
  const [base, dim] = [10_000, 64];
  const turns = (pair: number): number => options.original / (2 * Math.PI * base ** ((2 * pair) / dim));

  function expected(): { frequencies: number[]; kept: number; stretched: number } {
    const pairs = Array.from({ length: dim / 2 }, (_, pair) => pair);
    const kept = pairs.filter(pair => turns(pair) >= options.betaFast).at(-1)!;
    const stretched = pairs.find(pair => turns(pair) <= options.betaSlow)!;
    const frequencies = pairs.map(pair => {
      const frequency = base ** ((-2 * pair) / dim);
      if (pair <= kept) return frequency;
      if (pair >= stretched) return frequency / options.factor;
      const share = (pair - kept) / (stretched - kept);
      return (1 - share) * frequency + (share * frequency) / options.factor;
    });
    return { frequencies, kept, stretched };
  }

  const scaling = (magnitude: number): RopeScaling => ({ kind: "yarn", ...options, magnitude });

  test("keeps fast pairs, stretches slow ones, and goes from one to the other along a line", () => {
    const { frequencies, kept, stretched } = expected();
    expect([kept, stretched]).toEqual([8, 21]); // the example does have all three kinds
    const magnitude = 0.1 * Math.log(4) + 1;
    const table = ropeTable({ base, dim, scaling: scaling(1) }, 8);
    expectAngles(
      rowOf(table, 7, dim),
      frequencies.map(frequency => 7 * frequency),
      magnitude,
    );
  });

  test("its magnitude multiplies the paper's", () => {
    const table = ropeTable({ base, dim, scaling: scaling(0.5) }, 1);
    expect(table[0]).toBeCloseTo(0.5 * (0.1 * Math.log(4) + 1), 6);
  });

  test("comes after factors: of each divided frequency a share is stretched, the magnitude stays", () => {
    const divisors = Array.from({ length: dim / 2 }, (_, pair) => 1 + pair / 8);
    const all = host(...divisors);
    const factors = { short: all, long: all, original: options.original };
    const table = ropeTable({ base, dim, scaling: { ...scaling(1), factors } as RopeScaling }, 8);
    expectAngles(
      rowOf(table, 7, dim),
      expected().frequencies.map((frequency, pair) => (7 * frequency) / divisors[pair]!),
      0.1 * Math.log(4) + 1,
    );
  });

  test("equals transformers' numbers", () => {
    // base, factor and context of gpt-oss
    const table = ropeTable(
      {
        base: 150_000,
        dim: 64,
        scaling: { kind: "yarn", factor: 32, original: 4096, betaFast: 32, betaSlow: 1, magnitude: 1 },
      },
      2,
    );
    const magnitude = 0.1 * Math.log(32) + 1;
    const frequency = (pair: number): number =>
      Math.atan2(table[64 + 2 * pair + 1]! / magnitude, table[64 + 2 * pair]! / magnitude);
    TRANSFORMERS.forEach(([pair, value]) => {
      expect(frequency(pair) / value, `pair ${pair}`).toBeCloseTo(1, 6);
    });
  });
});

/** `_compute_yarn_parameters` of transformers, in double precision: pair and inverse frequency. */
const TRANSFORMERS: readonly (readonly [pair: number, frequency: number])[] = [
  [0, 1],
  [7, 0.07374456821026082],
  [8, 0.050813274815461475],
  [9, 0.031620752275346484],
  [12, 0.007015713910504388],
  [15, 0.001206130969041873],
  [17, 0.0002279477957951252],
  [18, 3.8308812373753384e-5],
  [19, 2.6396469031472782e-5],
  [25, 2.8250668271503398e-6],
  [31, 3.0235114281192144e-7],
];
