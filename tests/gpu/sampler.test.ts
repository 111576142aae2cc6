import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SamplingOptions } from "../../src/types.ts";
import { adjustedLogits, candidates, drawReference, greedyReference } from "../reference/sampler.ts";
import {
  chiSquareP,
  type DrawOptions,
  type SamplerBench,
  samplerBench,
  sampling,
} from "./sampler-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

// How the work is cut is fixed here, not left to the adapter, so that more than one cut runs on each.
// Vocabularies of prime size: the last slice is a short one. A GPU runs its own cut; in its place software
// adapters run one with several groups in a workgroup, but not of 256 threads: lavapipe compiles that for
// half a minute.
const SMALL = 397;
const LARGE = 49_157;
const CUT = { threads: 8, slices: 64 };
const WIDE_CUT = { threads: 64, slices: 256 };
const BANNED = Number.NEGATIVE_INFINITY;

type Logits = Float32Array<ArrayBuffer>;
const someLogits = (size: number, spread = 2.5): Logits => randomNormal(randomSource(5), size, spread);

describe("sampler", () => {
  let bench: KernelBench;
  let small: SamplerBench;
  let large: SamplerBench;
  let wide: SamplerBench;
  beforeAll(async () => {
    bench = await kernelBench();
    small = await samplerBench(bench, SMALL, CUT);
    large = await samplerBench(bench, LARGE, CUT);
    wide = await samplerBench(bench, 49_152, bench.gpu.software ? WIDE_CUT : undefined);
  }, 120_000);
  afterAll(() => bench.close());

  /**
   * Draws many times: no id outside of the reference's candidates, their distribution (where enough draws can
   * tell), and the very ids that the reference draws, but for races too close to call in f32.
   */
  async function compare(
    on: SamplerBench,
    logits: Logits,
    options: SamplingOptions,
    count: number,
  ): Promise<void> {
    const request = sampling({ seed: 11, ...options }, on.vocabularySize);
    const expected = candidates(logits, request);
    const { ids, state } = await on.draw(logits, request, { count });
    expect(state).toEqual({ position: count, finished: 0, generated: count });
    expect([...new Set(ids)].filter(id => !expected.has(id))).toEqual([]);
    if (count >= 256) expect(chiSquareP(ids, expected)).toBeGreaterThan(1e-3);
    const close = ids.slice(0, 100).filter((id, generated) => {
      const draw = drawReference(expected, request.seed, generated);
      if (draw.margin > 1e-4) expect([generated, id]).toEqual([generated, draw.id]);
      return draw.margin <= 1e-4;
    });
    expect(close.length).toBeLessThan(5);
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
    ["top-k 20 and min-p 0.3", { topK: 20, minP: 0.3 }],
    ["top-k 250 and top-p 0.9, more than are ranked", { topK: 250, topP: 0.9, temperature: 4 }],
    ["top-p 0.95 and min-p 0.02", { topP: 0.95, minP: 0.02 }],
    ["the defaults", { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 }],
    ["everything, more than are ranked", { temperature: 5, topK: 300, topP: 0.98, minP: 0.4 }],
  ];
  test.each(filters)("draws as the reference with %s", async (_, options) => {
    await compare(small, someLogits(SMALL), options, 256);
  });

  test("draws 2,048 times by the right distribution", async () => {
    await compare(small, someLogits(SMALL), { topK: 100, topP: 0.95 }, 2048);
  });

  const largeFilters: [string, SamplingOptions][] = [
    ["nothing but temperature 1", {}],
    ["the defaults", { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 }],
    ["top-k 300", { topK: 300 }],
    ["top-p 0.9", { topP: 0.9 }],
  ];
  test.each(largeFilters)("draws as the reference from 49,157 ids with %s", async (_, options) => {
    await compare(large, someLogits(LARGE), options, 16);
  });
  test.each(largeFilters)(
    "draws as the reference from 49,152 ids in wide workgroups with %s",
    async (_, options) => {
      await compare(wide, someLogits(49_152), options, 3);
    },
  );

  test("keeps the lowest ids where the border of top-k falls among equals", async () => {
    const few = someLogits(SMALL).fill(1, 100, 200).fill(20, 3, 5);
    for (const topK of [4, 50]) {
      await compare(
        small,
        few.map(v => (v < 15 ? Math.min(v, 1) : v)),
        { topK, temperature: 9 },
        64,
      );
    }
    await compare(small, new Float32Array(SMALL).fill(-3), { topK: 10 }, 64); // too many equals to rank
    await compare(small, new Float32Array(SMALL).fill(-3), { topP: 0.1001 }, 64);
    await compare(small, new Float32Array(SMALL).fill(-3), { topK: 200, topP: 0.1001 }, 64);
  });

  test("takes the lowest id on ties when greedy, -0 and 0 being equal", async () => {
    const logits = new Float32Array(SMALL).fill(-1);
    logits[390] = 0;
    logits[77] = -0;
    const greedy = sampling({ temperature: 0 }, SMALL);
    expect((await small.draw(logits, greedy)).ids).toEqual([77]);
    expect((await small.draw(new Float32Array(SMALL).fill(5), greedy)).ids).toEqual([0]);
    for (const on of [large, wide]) {
      const values = someLogits(on.vocabularySize);
      values[40_001] = values[40_000] = values[48_000] = 99;
      expect((await on.draw(values, sampling({ temperature: 0 }, on.vocabularySize))).ids).toEqual([40_000]);
    }
  });

  test("advances position and count, and hands the ids over in a ring", async () => {
    const logits = someLogits(SMALL);
    const id = greedyReference(logits);
    const { ids, state, token } = await small.draw(logits, sampling({ temperature: 0 }, SMALL), {
      count: 300,
      position: 5,
      rows: 7,
    });
    expect(ids).toEqual(new Array(300).fill(id));
    expect(state).toEqual({ position: 5 + 7 * 300, finished: 0, generated: 300 });
    expect(token).toBe(id);
  });

  test("repeats exactly with the same seed and differs with another", async () => {
    const logits = someLogits(SMALL);
    const draw = async (seed: number) =>
      (
        await small.draw(logits, sampling({ topK: 300, topP: 0.99, temperature: 3, seed }, SMALL), {
          count: 64,
        })
      ).ids;
    const first = await draw(0xffff_ffff);
    expect(await draw(0xffff_ffff)).toEqual(first);
    const other = await draw(0);
    expect(other.filter((id, i) => id === first[i]).length).toBeLessThan(16);
  });

  test.each([0, 1])("stops for good at an end token (temperature %i)", async temperature => {
    const logits = someLogits(SMALL);
    logits[390] = 50;
    const request = sampling({ temperature }, SMALL);
    const endTokens = [...Array(15).keys(), 390];
    const { ids, state } = await small.draw(logits, request, { count: 4, endTokens });
    expect(state).toEqual({ position: 1, finished: 1, generated: 1 });
    expect(ids[0]).toBe(390);
    const untouched = await small.draw(logits, request, { finished: true, position: 9, rows: 3 });
    expect(untouched.state).toEqual({ position: 9, finished: 1, generated: 0 });
  });

  const failures: [string, (logits: Logits) => void, SamplingOptions][] = [
    ["one logit is NaN", logits => logits.fill(Number.NaN, 200, 201), {}],
    ["one logit is a negative NaN", logits => new Uint32Array(logits.buffer).fill(0xffc0_0000, 200, 201), {}],
    ["one logit is +Infinity", logits => logits.fill(Number.POSITIVE_INFINITY, 396), {}],
    ["all logits are -Infinity", logits => logits.fill(BANNED), {}],
  ];
  test.each(failures)("marks the sequence as failed and samples nothing if %s", async (_, spoil, options) => {
    const logits = someLogits(SMALL);
    spoil(logits);
    for (const more of [{ temperature: 0 }, {}, { topK: 5 }, { topP: 0.9 }, { repetitionPenalty: 2 }]) {
      const { state } = await small.draw(logits, sampling({ ...options, ...more }, SMALL), {
        position: 2,
        rows: 4,
      });
      expect(state).toEqual({ position: 2, finished: 2, generated: 0 });
    }
  });

  test("never draws a token whose logit is -Infinity", async () => {
    const logits = new Float32Array(SMALL).fill(BANNED);
    logits[5] = -80;
    logits[396] = -80;
    for (const more of [{}, { topK: 5 }, { topK: 300 }, { topP: 0.9 }])
      await compare(small, logits, more, 32);
  });

  /** The reference's choice for each step, given what the GPU chose before it. */
  async function comparePenalties(
    options: SamplingOptions,
    { tail = [], count = 1 }: DrawOptions,
  ): Promise<number[]> {
    const logits = someLogits(SMALL, 0.7); // close together, so that penalties change the choice
    const request = sampling(options, SMALL);
    const { ids } = await small.draw(logits, request, { tail, count });
    for (const [step, id] of ids.entries()) {
      const generated = ids.slice(0, step);
      const adjusted = adjustedLogits(logits, request, { recent: [...tail, ...generated], generated });
      if (request.temperature === 0) {
        // f32 sums may swap two that are equal but for rounding
        expect(adjusted[greedyReference(adjusted)]! - adjusted[id]!).toBeLessThan(1e-5);
      } else {
        const draw = drawReference(candidates(adjusted, request), request.seed, step);
        if (draw.margin > 1e-4) expect([step, id]).toEqual([step, draw.id]);
      }
    }
    return ids;
  }

  const tail = Array.from({ length: 70 }, (_, i) => (i * i * 31) % SMALL);
  const best = greedyReference(someLogits(SMALL));
  const penalties: [string, SamplingOptions][] = [
    ["repetition penalty", { repetitionPenalty: 1.5 }],
    ["a repetition penalty that favours what was said", { repetitionPenalty: 0.7 }],
    ["frequency penalty", { frequencyPenalty: 0.4 }],
    ["presence penalty", { presencePenalty: 1.7 }],
    [
      "all penalties and a bias",
      {
        repetitionPenalty: 1.2,
        frequencyPenalty: 0.3,
        presencePenalty: -0.2,
        logitBias: { 7: 6, 9: BANNED },
      },
    ],
  ];
  test.each(penalties)("applies %s as the reference, past the window's end", async (_, options) => {
    const greedy = await comparePenalties({ temperature: 0, ...options }, { tail, count: 100 });
    if (options.repetitionPenalty !== 0.7) expect(new Set(greedy).size).toBeGreaterThan(1);
    await comparePenalties({ ...options, topK: 30 }, { tail: [best, best, 3], count: 80 });
  });

  test("adds biases, bans by -Infinity, and forgets them with the next request", async () => {
    const logits = someLogits(SMALL);
    const greedy = async (logitBias: Record<number, number>) =>
      (await small.draw(logits, sampling({ temperature: 0, logitBias }, SMALL))).ids[0];
    const without = logits.slice();
    without[best] = BANNED;
    expect(await greedy({ [best]: BANNED })).toBe(greedyReference(without));
    expect(await greedy({ 396: 1000 })).toBe(396);
    expect(await greedy({})).toBe(best);
  });
});
