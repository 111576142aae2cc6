import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { score } from "../../src/kernels/score.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { scoreReference } from "../reference/score.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

describe("score", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  async function run(
    logits: Float32Array<ArrayBuffer>,
    targets: readonly number[],
    { finished = false, software = bench.gpu.software } = {},
  ): Promise<Float32Array> {
    const out = bench.upload("out", new Float32Array(targets.length).fill(7));
    const dispatch = await score(
      bench.pipelines,
      { ...bench.gpu, software },
      { vocabularySize: logits.length / targets.length },
      {
        logits: bench.upload("logits", logits),
        targets: bench.upload("targets", new Uint32Array(targets)),
        out,
        state: bench.state(stateBytes({ position: 0, rows: targets.length, finished, generated: 0 })),
      },
    );
    await bench.run([dispatch], targets.length);
    return bench.readF32(out, targets.length);
  }

  test.each([
    [1, 1, false],
    [3, 50, true],
    [5, 1009, false],
    [2, 49_152, true],
    [2, 49_157, false],
  ])("equals the reference for %i rows of %i logits (narrow workgroup: %s)", async (rows, size, software) => {
    const random = randomSource(rows * size);
    const logits = randomNormal(random, rows * size, 5);
    const targets = Array.from({ length: rows }, () => Math.floor(random() * size));
    const out = await run(logits, targets, { software });
    expect(maxError(out, scoreReference(logits, targets, size))).toBeLessThan(2e-5);
  });

  test("is exact for huge logits, where exp() alone would overflow", async () => {
    const out = await run(new Float32Array([3e38, -3e38, 0, 200, 200, 100]), [0, 0]);
    expect(maxError(out, [0, Math.log(0.5)])).toBeLessThan(1e-6);
  });

  test("gives -Infinity for a banned target and skips other banned ids", async () => {
    const row = [Number.NEGATIVE_INFINITY, 1, 1];
    const out = await run(new Float32Array([...row, ...row]), [0, 1]);
    expect(out[0]).toBe(Number.NEGATIVE_INFINITY);
    expect(out[1]).toBeCloseTo(Math.log(0.5), 6);
  });

  test("gives NaN for a row with NaN or +Infinity, one of all -Infinity, or a target that is no id", async () => {
    const no = Number.NEGATIVE_INFINITY;
    const out = await run(
      new Float32Array([1, Number.NaN, 2, 1, 1, Number.POSITIVE_INFINITY, no, no, no, 1, 2, 3]),
      [0, 1, 2, 3],
    );
    expect([...out]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });

  test("does nothing once the sequence has finished", async () => {
    expect([...(await run(new Float32Array([1, 2]), [0], { finished: true }))]).toEqual([7]);
  });
});
