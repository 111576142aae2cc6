import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WEIGHT_TYPES, type WeightType } from "../../src/kernels/weights.ts";
import { dequantise } from "../reference/dequantise.ts";
import { loadF32Fixture, loadFile, loadFixture, loadJsonFixture } from "./fixtures.ts";
import { goldenFolder, withoutGolden } from "./golden.ts";
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

/** The golden data's own index. */
interface WholeIndex {
  types: { type: string; q: WholeCase; r?: WholeCase }[];
}
type WholeCase = Omit<Case, "absSum"> & { abs_sum: number[] };

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

  /** A matrix of an outside implementation, its values and W x. */
  async function check(
    type: WeightType,
    { rows, blocks, absSum }: Pick<Case, "rows" | "blocks" | "absSum">,
    bytes: Uint8Array<ArrayBuffer>,
    expected: Float32Array,
    wanted: Float32Array,
  ): Promise<void> {
    expect(differences(dequantise(type, bytes, rows, index.columns), expected), blocks).toBe(0);
    const weight = await uploadWeight(bench, type, rows, index.columns, bytes);
    expect(differences(await dumpWeight(bench, weight), expected), blocks).toBe(0);
    const y = await productOf(bench, weight, bench.upload("x", x));
    for (let row = 0; row < rows; row++) {
      const error = maxError([y[row]!], [wanted[row]!]);
      expect(error, `${blocks} row ${row}`).toBeLessThanOrEqual(1e-6 * absSum[row]!);
    }
  }

  test.each(WEIGHT_TYPES.filter(type => type !== "F32"))(
    "%s equals llama.cpp bit for bit, and W x equals it to rounding",
    async type => {
      for (const matrix of index.types.find(entry => entry.type === type)!.cases) {
        const bytes = new Uint8Array(await loadFixture(`quant/${matrix.blocks}`));
        const expected = await loadF32Fixture(`quant/${matrix.dequant}`);
        await check(type, matrix, bytes, expected, await loadF32Fixture(`quant/${matrix.matvec}`));
      }
    },
  );

  test.skipIf(!goldenFolder)(`all types equal llama.cpp on whole matrices${withoutGolden}`, async () => {
    const load = async (file: string): Promise<ArrayBuffer> =>
      (await loadFile(`${goldenFolder}/quant/${file}`)).arrayBuffer();
    const { types }: WholeIndex = JSON.parse(new TextDecoder().decode(await load("quant.json")));
    for (const type of WEIGHT_TYPES.filter(name => name !== "F32")) {
      const { q, r } = types.find(entry => entry.type === type)!;
      for (const { rows, blocks, dequant, matvec, abs_sum } of r ? [q, r] : [q]) {
        const matrix = { rows, blocks, absSum: abs_sum };
        const expected = new Float32Array(await load(dequant));
        const wanted = new Float32Array(await load(matvec));
        await check(type, matrix, new Uint8Array(await load(blocks)), expected, wanted);
      }
    }
  });

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

  test("every exponent of MXFP4 comes out exact; numbers below 2^-126 may be zeros", async () => {
    const blocks = Array.from({ length: 256 }, (_, e) => [
      e,
      ...Array.from({ length: 16 }, (_, j) => 17 * j),
    ]);
    const bytes = new Uint8Array(blocks.flat());
    const expected = dequantise("MXFP4", bytes, 1, 256 * 32);
    const actual = await dumpWeight(bench, await uploadWeight(bench, "MXFP4", 1, 256 * 32, bytes));
    // exponents 0 and 1 have a subnormal scale
    const flushed = actual.map((value, i) => (i < 64 && value === 0 ? expected[i]! : value));
    expect(differences(flushed, expected)).toBe(0);
  });
});
