import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rmsNorm } from "../../src/kernels/rms-norm.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { rmsNormReference } from "../reference/rms-norm.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

describe("rms-norm", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  test.each([
    [1, 4],
    [3, 36],
    [5, 288],
    [2, 4096],
  ])("equals the reference for %i rows of %i", async (rows, size) => {
    const random = randomSource(rows * size);
    const x = randomNormal(random, rows * size, 3);
    const weight = randomNormal(random, size);
    const y = bench.buffers.storage("y", x.byteLength);
    const step = await rmsNorm(
      bench.pipelines,
      { size, epsilon: 1e-5 },
      {
        x: bench.upload("x", x),
        weight: bench.upload("weight", weight),
        y,
        state: bench.state(stateBytes({ position: 0, rows, finished: false, generated: 0 })),
      },
    );
    await bench.run([step], rows);
    expect(maxError(await bench.readF32(y, x.length), rmsNormReference(x, weight, 1e-5))).toBeLessThan(1e-5);
  });
});
