import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shortConv } from "../../src/kernels/short-conv.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { shortConvReference } from "../reference/short-conv.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

describe("short-conv", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  // batches as a session has them: chunks of the prompt, then single tokens; some are shorter than the history
  test.each([
    [64, 3, [7, 1, 2, 1, 1]],
    [36, 4, [1, 1, 1, 1, 5]],
    [8, 2, [3, 4, 1]],
    [260, 3, [40, 33, 1]],
  ])("%i channels, %i taps, in batches of %j, equal the whole sequence", async (width, taps, batches) => {
    const random = randomSource(width * taps);
    const tokens = batches.reduce((sum, rows) => sum + rows, 0);
    const bcx = randomNormal(random, tokens * 3 * width);
    const weight = randomNormal(random, width * taps);
    const expected = shortConvReference(bcx, weight, width, taps);
    const poisoned = new Float32Array(taps * width).fill(Number.NaN); // nothing counts before position 0
    const buffers = {
      weight: { buffer: bench.upload("weights", Float32Array.of(9, 9, 9, 9, ...weight)), at: 1 },
      history: bench.upload("history", poisoned),
    };
    let position = 0;
    for (const rows of batches) {
      const part = bcx.subarray(position * 3 * width, (position + rows) * 3 * width);
      const y = bench.buffers.storage("y", rows * width * 4);
      const state = bench.state(stateBytes({ position, rows, finished: false, generated: 0 }));
      const places = { ...buffers, x: bench.upload("bcx", part.slice()), y, state };
      const dispatch = await shortConv(bench.pipelines, bench.gpu, { width, taps }, places);
      await bench.run([dispatch], rows);
      const from = position * width;
      expect(
        maxError(await bench.readF32(y, rows * width), expected.subarray(from, from + rows * width)),
        `position ${position}`,
      ).toBeLessThan(1e-5);
      position += rows;
    }
  });

  test("a finished sequence changes nothing", async () => {
    const y = bench.upload("y", new Float32Array(8).fill(7));
    const state = bench.state(stateBytes({ position: 0, rows: 1, finished: true, generated: 0 }));
    const ones = new Float32Array(24).fill(1);
    const places = {
      x: bench.upload("bcx", ones),
      weight: { buffer: bench.upload("weights", ones), at: 0 },
      history: bench.upload("history", ones),
      y,
      state,
    };
    const dispatch = await shortConv(bench.pipelines, bench.gpu, { width: 8, taps: 3 }, places);
    await bench.run([dispatch], 1);
    expect([...(await bench.readF32(y, 8))]).toEqual(new Array(8).fill(7));
  });
});
