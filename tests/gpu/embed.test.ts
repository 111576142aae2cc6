import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbedOptions, embed } from "../../src/kernels/embed.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { WEIGHT_TYPES } from "../../src/kernels/weights.ts";
import { dequantise } from "../reference/dequantise.ts";
import { embedReference } from "../reference/embed.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";
import { columnsOf, f32Weight, randomMatrix, uploadWeight } from "./weight-support.ts";

const VOCABULARY = 30; // not a multiple of 4
const COLUMNS = 288; // units do not fill the last workgroup

describe("embed", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  test.each(WEIGHT_TYPES)("rows of a %s embedding come out exact", async type => {
    const columns = columnsOf(type, COLUMNS);
    const bytes = randomMatrix(randomSource(7), type, VOCABULARY, columns);
    const tokens = new Uint32Array([0, 29, 17, 17, 3]);
    const x = bench.buffers.storage("x", tokens.length * columns * 4);
    const dispatch = await embed(
      bench.pipelines,
      await uploadWeight(bench, type, VOCABULARY, columns, bytes),
      {
        tokens: bench.upload("tokens", tokens),
        x,
        state: bench.state(stateBytes({ position: 0, rows: tokens.length, finished: false, generated: 0 })),
      },
    );
    await bench.run([dispatch], tokens.length);
    const expected = embedReference(dequantise(type, bytes, VOCABULARY, columns), columns, tokens);
    expect(maxError(await bench.readF32(x, tokens.length * columns), expected)).toBe(0);
  });

  test("ids past the vocabulary give zeros, and a finished sequence writes nothing", async () => {
    const bytes = randomMatrix(randomSource(8), "Q8_0", VOCABULARY, COLUMNS);
    const weight = await uploadWeight(bench, "Q8_0", VOCABULARY, COLUMNS, bytes);
    const tokens = new Uint32Array([30, 0xffffffff, 5]);
    const x = bench.upload("x", new Float32Array(tokens.length * COLUMNS).fill(9));
    const run = async (finished: boolean): Promise<Float32Array> => {
      const state = bench.state(stateBytes({ position: 0, rows: tokens.length, finished, generated: 0 }));
      const dispatch = await embed(bench.pipelines, weight, {
        tokens: bench.upload("tokens", tokens),
        x,
        state,
      });
      await bench.run([dispatch], tokens.length);
      return bench.readF32(x, tokens.length * COLUMNS);
    };
    expect((await run(true)).every(value => value === 9)).toBe(true);
    const values = dequantise("Q8_0", bytes, VOCABULARY, COLUMNS);
    expect(maxError(await run(false), embedReference(values, COLUMNS, tokens))).toBe(0);
  });

  /** Runs the kernel on what stands in `x`, and gives both. */
  async function run(rows: number, tokens: readonly number[], options: EmbedOptions, position = 0) {
    const random = randomSource(9);
    const values = randomNormal(random, rows * COLUMNS);
    const weight = await f32Weight(bench, rows, COLUMNS, (row, column) => values[row * COLUMNS + column]!);
    const before = randomNormal(random, (tokens.length + 1) * COLUMNS);
    const x = bench.upload("x", before);
    const state = bench.state(stateBytes({ position, rows: tokens.length, finished: false, generated: 0 }));
    const buffers = { tokens: bench.upload("tokens", new Uint32Array(tokens)), x, state };
    await bench.run([await embed(bench.pipelines, weight, buffers, options)], tokens.length);
    return { values, before, actual: await bench.readF32(x, before.length) };
  }

  test.each([
    [{}, 0],
    [{ scale: 5.5 }, 0],
    [{ row: "position" }, 7],
    [{ row: "position", add: true, scale: 0.25 }, 11],
    [{ row: "first", add: true }, 3],
    [{ row: "token", firstRow: 12, add: true }, 0],
    [{ row: "position", firstRow: 9 }, 7],
  ] as const)(
    "%j at position %i equals the reference, and touches no other row",
    async (options, position) => {
      const tokens = [0, 29, 17, 12, 11, 3];
      const { values, before, actual } = await run(VOCABULARY, tokens, options, position);
      const expected = Float64Array.from(before);
      const rows = embedReference(values, COLUMNS, tokens, { ...options, position });
      const add = "add" in options && options.add;
      rows.forEach((value, i) => {
        expected[i] = add ? before[i]! + value : value;
      });
      expect(maxError(actual, expected)).toBeLessThan(1e-6 * 5.5 * 4);
    },
  );

  test("two parts of an embedding, the second added, give the rows of the whole", async () => {
    const tokens = new Uint32Array([0, 15, 16, 29, 30, 17]);
    const values = randomNormal(randomSource(10), VOCABULARY * COLUMNS);
    const x = bench.upload("x", new Float32Array(tokens.length * COLUMNS).fill(9));
    const state = bench.state(
      stateBytes({ position: 4, rows: tokens.length, finished: false, generated: 0 }),
    );
    const buffers = { tokens: bench.upload("tokens", tokens), x, state };
    for (const [firstRow, rows] of [
      [0, 16],
      [16, 14],
    ] as const) {
      const weight = await f32Weight(
        bench,
        rows,
        COLUMNS,
        (row, column) => values[(firstRow + row) * COLUMNS + column]!,
      );
      const options = { firstRow, add: firstRow > 0, scale: 2 };
      await bench.run([await embed(bench.pipelines, weight, buffers, options)], tokens.length);
    }
    const expected = embedReference(values, COLUMNS, tokens, { scale: 2 });
    expect(maxError(await bench.readF32(x, tokens.length * COLUMNS), expected)).toBe(0);
  });
});
