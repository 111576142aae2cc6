import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { embed } from "../../src/kernels/embed.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { WEIGHT_TYPES } from "../../src/kernels/weights.ts";
import { dequantise } from "../reference/dequantise.ts";
import { embedReference } from "../reference/embed.ts";
import { type KernelBench, kernelBench, maxError, randomSource } from "./support.ts";
import { columnsOf, randomMatrix, uploadWeight } from "./weight-support.ts";

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
    const step = await embed(bench.pipelines, await uploadWeight(bench, type, VOCABULARY, columns, bytes), {
      tokens: bench.upload("tokens", tokens),
      x,
      state: bench.state(stateBytes({ position: 0, rows: tokens.length, finished: false, generated: 0 })),
    });
    await bench.run([step], tokens.length);
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
      const step = await embed(bench.pipelines, weight, { tokens: bench.upload("tokens", tokens), x, state });
      await bench.run([step], tokens.length);
      return bench.readF32(x, tokens.length * COLUMNS);
    };
    expect((await run(true)).every(value => value === 9)).toBe(true);
    const values = dequantise("Q8_0", bytes, VOCABULARY, COLUMNS);
    expect(maxError(await run(false), embedReference(values, COLUMNS, tokens))).toBe(0);
  });
});
