import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import {
  type DeltaRuleBuffers,
  type DeltaRuleShape,
  deltaChannels,
  deltaGate,
  deltaRow,
  deltaRuleDecode,
  deltaRulePrefill,
  deltaScratch,
} from "../../src/kernels/delta-rule.ts";
import { headGate } from "../../src/kernels/head-gate.ts";
import { shortConv } from "../../src/kernels/short-conv.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { deltaRuleReference } from "../reference/delta-rule.ts";
import { vectorsAmongOthers } from "./product-support.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

const shapeOf = (
  heads: number,
  keyHeads: number,
  keyDim: number,
  valueDim: number,
  taps = 4,
): DeltaRuleShape => ({ heads, keyHeads, keyDim, valueDim, taps, epsilon: 1e-6 });

type Batches = readonly (number | "decode")[];
const CASES: [name: string, shape: DeltaRuleShape, batches: Batches][] = [
  ["a chunk but one, a chunk, a chunk and one", shapeOf(4, 2, 32, 32), [63, 64, 65, 1, "decode"]],
  ["chunks that end within a batch", shapeOf(4, 2, 32, 32), [150, 144, 6, "decode", "decode", "decode", 33]],
  ["one token at a time", shapeOf(4, 2, 32, 32), [1, 1, "decode", "decode", "decode", "decode", 1, "decode"]],
  ["an odd number of heads, odd widths, few taps", shapeOf(3, 1, 20, 36, 2), [70, "decode", 5]],
  ["Qwen 3.5's heads", shapeOf(2, 1, 128, 128), [65, "decode"]],
  ["wide keys, narrow values, many taps", shapeOf(6, 3, 256, 4, 7), [3, "decode", 66, "decode"]],
  ["narrow keys, wide values", shapeOf(5, 5, 4, 256), [66, "decode", "decode"]],
];

// compilers of software adapters take seconds a shape
describe.each([
  ["as the adapter has it", {}, CASES],
  ["as on software adapters", { software: true }, inject("long") ? CASES : CASES.slice(0, 4)],
])("delta-rule, %s", (_name, facts, cases) => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
    bench = { ...bench, gpu: { ...bench.gpu, ...facts } };
  });
  afterAll(() => bench.close());

  /** A sequence in batches; a batch written as "decode" is one token of the decode kernel. */
  async function run(shape: DeltaRuleShape, batches: Batches, finished = false) {
    const { heads, keyDim, valueDim, taps } = shape;
    const [width, stride] = [deltaChannels(shape), deltaRow(shape)];
    const sizes = batches.map(batch => (batch === "decode" ? 1 : batch));
    const tokens = sizes.reduce((sum, rows) => sum + rows, 0);
    const random = randomSource(width + tokens);
    const x = randomNormal(random, tokens * stride);
    const weights = {
      weight: randomNormal(random, width * taps, 0.5),
      // from a head that keeps nearly all to one that forgets in a few tokens
      a: Float32Array.from({ length: heads }, () => -Math.exp(5 * random() - 4)),
      dt: randomNormal(random, heads),
      norm: randomNormal(random, valueDim),
    };
    const [weight, a, dt, norm] = vectorsAmongOthers(bench, Object.values(weights)) as [
      DeltaRuleBuffers["weight"],
      DeltaRuleBuffers["a"],
      DeltaRuleBuffers["dt"],
      DeltaRuleBuffers["norm"],
    ];
    // nothing counts before position 0
    const poisoned = (count: number) => new Float32Array(count).fill(Number.NaN);
    const history = bench.upload("history", poisoned(taps * width));
    const memory = bench.upload("memory", poisoned(heads * keyDim * valueDim));
    const bytes = deltaScratch(shape, Math.max(...sizes), 1);
    const scratch = {
      rows: bench.upload("rows", poisoned(bytes.rows / 4)),
      matrices: bench.upload("matrices", poisoned(bytes.matrices / 4)),
      factors: bench.upload("factors", poisoned(bytes.factors / 4)),
    };
    const results: number[] = [];
    let position = 0;
    for (const batch of batches) {
      const rows = batch === "decode" ? 1 : batch;
      const y = bench.upload("y", new Float32Array(rows * heads * valueDim).fill(7));
      const part = x.slice(position * stride, (position + rows) * stride);
      const state = bench.state(stateBytes({ position, rows, finished, generated: 0 }));
      const buffers = { x: bench.upload("x", part), weight, a, dt, norm, history, memory, y, state };
      const dispatches =
        batch === "decode"
          ? [await deltaRuleDecode(bench.pipelines, bench.gpu, shape, buffers)]
          : await Promise.all([
              shortConv(bench.pipelines, bench.gpu, { width, taps, stride }, { ...buffers, y: scratch.rows }),
              deltaRulePrefill(bench.pipelines, bench.gpu, shape, buffers, scratch),
              headGate(bench.pipelines, deltaGate(shape), { ...buffers, gates: buffers.x, weight: norm }),
            ]);
      await bench.run(dispatches.flat(), rows);
      results.push(...(await bench.readF32(y, rows * heads * valueDim)));
      position += rows;
    }
    const expected = deltaRuleReference(shape, weights, x, stride);
    return { results, expected, memory: await bench.readF32(memory, expected.memory.length) };
  }

  test.each(cases)("%s: %j in batches of %j equals the whole sequence", async (_, shape, batches) => {
    const { results, expected, memory } = await run(shape, batches);
    const memoryScale = Math.max(...expected.memory.map(Math.abs));
    expect(maxError(memory, expected.memory)).toBeLessThan(1e-5 * Math.max(1, memoryScale));
    expect(maxError(results, expected.y)).toBeLessThan(2e-4);
  });

  test("a finished sequence changes nothing", async () => {
    const { results, memory } = await run(shapeOf(3, 1, 20, 36), [5, "decode"], true);
    expect(results.every(value => value === 7)).toBe(true);
    expect(memory.every(Number.isNaN)).toBe(true);
  });
});
