import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NormKind, normalise } from "../../src/kernels/norm.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { normReference } from "../reference/norm.ts";
import { SENTINEL, vectorsAmongOthers } from "./product-support.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

describe("norm", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  interface Case {
    kind: NormKind;
    rows: number;
    size: number;
    bias?: boolean;
    /** Factor, where the result is added. */
    add?: number;
    /** Mean of the input: LayerNorm takes it off, RMSNorm does not. */
    mean?: number;
    finished?: boolean;
    /** Factor on the sum. */
    scale?: number;
    /** Of a row, each with a norm of its own. */
    parts?: number;
    /** Each part has its own scale. */
    ownScales?: boolean;
  }

  /** @param software whether the kernel is that of software adapters, or that of GPUs */
  async function run(
    { kind, size, bias = false, add, mean = 0.5, finished = false, ...more }: Case,
    software = bench.gpu.software,
  ) {
    const gpu = { ...bench.gpu, software };
    const { scale, parts = 1, ownScales = false } = more;
    const rows = more.rows * parts;
    const random = randomSource(rows * size);
    const x = randomNormal(random, rows * size, 3).map(value => value + mean);
    const scales = randomNormal(random, (ownScales ? parts : 1) * size);
    const numbers = { weight: scales, bias: randomNormal(random, size) };
    const given = [numbers.weight, numbers.bias, new Float32Array([scale ?? 1])];
    const [weight, shift, factor] = vectorsAmongOthers(bench, given);
    const before = randomNormal(random, (rows + 1) * size);
    if (add === undefined) before.fill(SENTINEL);
    const y = bench.upload("y", before);
    const state = bench.state(stateBytes({ position: 0, rows: more.rows, finished, generated: 0 }));
    const norm = { kind, weight: weight!, bias: bias ? shift : undefined, epsilon: 1e-2 };
    const how = { add, parts, ownScales, scale: scale === undefined ? undefined : factor };
    const buffers = { x: bench.upload("x", x), y, state };
    const dispatch = await normalise(bench.pipelines, gpu, norm, size, buffers, how);
    await bench.run([dispatch], more.rows);
    const normed = new Float64Array(x.length);
    for (let row = 0; row < rows; row++) {
      const at = ownScales ? (row % parts) * size : 0;
      const part = { weight: scales.subarray(at, at + size), bias: bias ? numbers.bias : undefined };
      normed.set(normReference({ ...norm, ...part }, x.subarray(row * size, (row + 1) * size)), row * size);
    }
    const expected = Float64Array.from(before);
    normed.forEach((value, i) => {
      expected[i] =
        add === undefined ? value : (i < x.length ? (scale ?? 1) : 1) * (before[i]! + add * value);
    });
    return { actual: await bench.readF32(y, before.length), expected, before };
  }

  test.each<Case>([
    { kind: "rms", rows: 1, size: 4 },
    { kind: "rms", rows: 3, size: 36, bias: true },
    { kind: "rms", rows: 5, size: 288, add: 0.3 },
    { kind: "rms", rows: 2, size: 4096 },
    { kind: "rms", rows: 3, size: 40, add: 0.7, scale: -1.5 },
    { kind: "rms", rows: 3, size: 20, add: 0.7, parts: 5 },
    { kind: "rms", rows: 3, size: 36, parts: 3, ownScales: true },
    { kind: "layer", rows: 2, size: 36, bias: true, add: 1, scale: 3, parts: 2 },
    { kind: "layer", rows: 1, size: 4 },
    { kind: "layer", rows: 3, size: 36, bias: true },
    { kind: "layer", rows: 5, size: 288, add: -2, bias: true },
    { kind: "layer", rows: 2, size: 4096, bias: true },
  ])("equals the reference: %j", async entry => {
    for (const software of [true, false]) {
      const { actual, expected } = await run(entry, software);
      expect(maxError(actual, expected)).toBeLessThan(1e-5);
    }
  });

  test("LayerNorm takes off a mean far larger than what is left", async () => {
    const { actual, expected } = await run({ kind: "layer", rows: 2, size: 72, bias: true, mean: 1000 });
    // the inputs themselves are rounded to 1e-4 there, their mean to 2e-5
    expect(maxError(actual, expected)).toBeLessThan(2e-4);
  });

  test("a finished sequence changes nothing", async () => {
    const { actual, before } = await run({ kind: "layer", rows: 3, size: 36, add: 1, finished: true });
    expect(maxError(actual, before)).toBe(0);
  });
});
