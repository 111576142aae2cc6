import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { headGate } from "../../src/kernels/head-gate.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { headGateReference } from "../reference/head-gate.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

describe("head-gate", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  async function run(heads: number, headDim: number, epsilon: number | undefined, finished = false) {
    const tokens = 5;
    const random = randomSource(heads * headDim);
    const step = 2 * headDim;
    const shape = { heads, headDim, gates: { stride: heads * step + 12, first: 8, step }, epsilon };
    const gates = randomNormal(random, tokens * shape.gates.stride, 3);
    const weight = randomNormal(random, headDim);
    const given = randomNormal(random, tokens * heads * headDim, 2);
    const y = bench.upload("y", given);
    const dispatch = await headGate(bench.pipelines, shape, {
      gates: bench.upload("gates", gates),
      weight: { buffer: bench.upload("weights", Float32Array.of(9, 9, 9, 9, ...weight)), at: 1 },
      y,
      state: bench.state(stateBytes({ position: 3, rows: tokens, finished, generated: 0 })),
    });
    await bench.run([dispatch], tokens);
    return { actual: await bench.readF32(y, given.length), given, shape, gates, weight };
  }

  test.each([
    [4, 64, undefined],
    [3, 20, undefined],
    [5, 256, 1e-2],
    [3, 36, 1e-2],
    [1, 4, 1e-2],
  ])("%i heads of %i elements, norm %s", async (heads, headDim, epsilon) => {
    const { actual, given, shape, gates, weight } = await run(heads, headDim, epsilon);
    expect(maxError(actual, headGateReference(shape, given, gates, weight))).toBeLessThan(1e-5);
  });

  test("a finished sequence changes nothing", async () => {
    const { actual, given } = await run(3, 20, 1e-2, true);
    expect([...actual]).toEqual([...given]);
  });
});
