import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { candidates, drawReference, greedyReference } from "../reference/sampler.ts";
import { chiSquareP, type SamplerBench, samplerBench, sampling } from "./sampler-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";
import type { SamplingOptions } from "../../src/types.ts";

/** A prime, so that the last slice is a short one. */
const SMALL = 397;

/** Cuts by the name of what they suit; both run on every adapter. */
const CUTS = { software: { threads: 32, slices: 64 }, gpu: { threads: 256, slices: 256 } };

describe.each(["software", "gpu"] as const)("sampler, cut for %s", name => {
  let bench: KernelBench;
  let small: SamplerBench;
  beforeAll(async () => {
    bench = await kernelBench();
    small = await samplerBench(bench, SMALL, CUTS[name]);
  }, 60_000);
  afterAll(() => bench.close());

  /** Draws many times and compares with the reference's candidates, their distribution and the very draws. */
  async function compare(logits: Float32Array<ArrayBuffer>, options: SamplingOptions, count: number, of = small): Promise<void> {
    const request = sampling(options, of.vocabularySize);
    const expected = candidates(logits, request);
    const { ids } = await of.draw(logits, request, { count });
    expect([...new Set(ids)].filter(id => !expected.has(id))).toEqual([]);
    expect(chiSquareP(ids, expected)).toBeGreaterThan(1e-3);
    for (const [generated, id] of ids.slice(0, 256).entries()) {
      const draw = drawReference(expected, request.seed, generated);
      if (draw.margin > 1e-4) expect([generated, id]).toEqual([generated, draw.id]);
    }
  }

  const filters: [string, SamplingOptions][] = [
    ["nothing but temperature 1", {}],
    ["temperature 0.5", { temperature: 0.5 }],
    ["temperature 3", { temperature: 3 }],
    ["top-k 1", { topK: 1 }],
    ["top-k 7", { topK: 7 }],
    ["top-k 250, more than are ranked", { topK: 250, temperature: 4 }],
    ["top-p 0.5", { topP: 0.5 }],
    ["top-p 0.99, more than are ranked", { topP: 0.99, temperature: 4 }],
    ["min-p 0.1", { minP: 0.1 }],
    ["top-k 20 and top-p 0.8", { topK: 20, topP: 0.8 }],
    ["top-k 250 and top-p 0.9, more than are ranked", { topK: 250, topP: 0.9, temperature: 4 }],
    ["top-p 0.95 and min-p 0.02", { topP: 0.95, minP: 0.02 }],
    ["the defaults", { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 }],
    ["everything, more than are ranked", { temperature: 5, topK: 300, topP: 0.98, minP: 0.4 }],
  ];
  test.each(filters)("draws as the reference with %s", async (_, options) => {
    const logits = randomNormal(randomSource(5), SMALL, 2.5);
    await compare(logits, { seed: 11, ...options }, 512);
  });
  test("greedy", async () => {
    const logits = randomNormal(randomSource(5), SMALL, 2.5);
    const result = await small.draw(logits, sampling({ temperature: 0 }, SMALL), { count: 3, position: 5, rows: 7 });
    const id = greedyReference(logits);
    expect(result).toEqual({ ids: [id, id, id], state: [14, 1, 0, 3], token: id });
  });
});
