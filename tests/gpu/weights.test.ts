import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WEIGHT_TYPES, type WeightType, weightLayout } from "../../src/kernels/weights.ts";
import { dequantise } from "../reference/dequantise.ts";
import { loadF32Fixture, loadFixture, loadJsonFixture } from "./fixtures.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";
import { dumpWeight, productOf, randomMatrix, uploadWeight } from "./weight-support.ts";

interface Case {
  rows: number;
  blocks: string;
  dequant: string;
  matvec: string;
  absSum: number[];
}

interface Index {
  columns: number;
  types: { type: WeightType; cases: Case[] }[];
}

/** Equal bits, except that the sign of zero does not count. */
function differences(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  return expected.reduce((count, value, i) => count + (value === actual[i] ? 0 : 1), 0);
}

describe("weights", () => {
  let bench: KernelBench;
  let index: Index;
  let x: Float32Array<ArrayBuffer>;
  beforeAll(async () => {
    bench = await kernelBench();
    index = await loadJsonFixture("quant/quant.json");
    x = await loadF32Fixture("quant/x.f32");
  });
  afterAll(() => bench.close());

  test.each(WEIGHT_TYPES.filter(type => type !== "F32"))(
    "%s equals llama.cpp bit for bit, and W x equals it to rounding",
    async type => {
      const cases = index.types.find(entry => entry.type === type)!.cases;
      for (const { rows, blocks, dequant, matvec, absSum } of cases) {
        const bytes = new Uint8Array(await loadFixture(`quant/${blocks}`));
        const expected = await loadF32Fixture(`quant/${dequant}`);
        expect(differences(dequantise(type, bytes, rows, index.columns), expected)).toBe(0);
        const weight = await uploadWeight(bench, type, rows, index.columns, bytes);
        expect(differences(await dumpWeight(bench, weight), expected)).toBe(0);
        const y = await productOf(bench, weight, bench.upload("x", x));
        const wanted = await loadF32Fixture(`quant/${matvec}`);
        for (let row = 0; row < rows; row++) {
          const error = maxError([y[row]!], [wanted[row]!]);
          expect(error, `${blocks} row ${row}`).toBeLessThanOrEqual(1e-6 * absSum[row]!);
        }
      }
    },
  );

  test("F32 equals its bytes, and W x equals a double-precision sum to rounding", async () => {
    const random = randomSource(32);
    const [rows, columns] = [7, 1000];
    const bytes = randomMatrix(random, "F32", rows, columns);
    const values = dequantise("F32", bytes, rows, columns);
    const input = randomNormal(random, columns);
    const weight = await uploadWeight(bench, "F32", rows, columns, bytes);
    expect(differences(await dumpWeight(bench, weight), values)).toBe(0);
    const y = await productOf(bench, weight, bench.upload("x", input));
    for (let row = 0; row < rows; row++) {
      const terms = Array.from(input, (v, i) => v * values[row * columns + i]!);
      const scale = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      expect(maxError([y[row]!], [terms.reduce((sum, term) => sum + term, 0)])).toBeLessThan(1e-6 * scale);
    }
    expect(y[7]).toBe(0); // the row that fills up the last group
  });

  test("every half-precision number comes out exact, subnormal and infinite ones too", async () => {
    const isHalfNaN = (bits: number): boolean => (bits >> 10) % 32 === 31 && bits % 1024 !== 0;
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => (isHalfNaN(i) ? 0 : i));
    const bytes = new Uint8Array(bits.buffer);
    const weight = await uploadWeight(bench, "F16", 64, 1024, bytes);
    expect(differences(await dumpWeight(bench, weight), dequantise("F16", bytes, 64, 1024))).toBe(0);
  });

  test("GPU bytes are at most 1.03 times those of the file, 1.04 times for Q3_K", () => {
    for (const type of WEIGHT_TYPES) {
      const { wordsBytes, scalesBytes, rowBytes } = weightLayout(type, 576, 1536);
      const most = type === "Q3_K" ? 1.04 : 1.03;
      expect((wordsBytes + scalesBytes) / (576 * rowBytes), type).toBeLessThanOrEqual(most);
    }
  });

  test("columns that do not fill whole blocks are refused", () => {
    expect(() => weightLayout("Q4_0", 4, 48)).toThrow(/multiples of 32/);
    expect(() => weightLayout("F16", 4, 12)).toThrow(/multiples of 8/);
    expect(() => weightLayout("Q4_K", 4, 576)).toThrow(/multiples of 256/);
  });
});
