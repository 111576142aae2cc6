import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expertsCombine, expertsGather, expertsSelect } from "../../src/kernels/experts.ts";
import { expertListBytes, expertTile, expertTiles } from "../../src/kernels/routing.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import {
  combineReference,
  listsReference,
  type SelectReference,
  selectReference,
} from "../reference/experts.ts";
import { SENTINEL, vectorsAmongOthers, worst } from "./product-support.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

describe("experts", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  const state = (rows: number, finished = false): GPUBuffer =>
    bench.state(stateBytes({ position: 9, rows, finished, generated: 0 }));

  const select = async (
    logits: Float32Array<ArrayBuffer>,
    count: number,
    perToken: number,
    options: SelectReference & { finished?: boolean },
  ) => {
    const tokens = logits.length / count;
    const pairs = tokens * perToken;
    const ids = bench.upload("ids", new Uint32Array(pairs + 4).fill(SENTINEL));
    const weights = bench.upload("weights", new Float32Array(pairs + 4).fill(SENTINEL));
    const given = [options.bias, options.scales].filter(vector => vector !== undefined);
    const [first, second] = vectorsAmongOthers(bench, given);
    const buffers = { logits: bench.upload("logits", logits), ids, weights };
    const dispatch = await expertsSelect(bench.pipelines, bench.gpu, {
      ...buffers,
      count,
      perToken,
      overAll: options.overAll,
      scale: options.scale,
      bias: options.bias && first,
      scales: options.scales && (options.bias ? second : first),
      state: state(tokens, options.finished),
    });
    await bench.run([dispatch], tokens);
    const result = {
      ids: await bench.readU32(ids, pairs + 4),
      weights: await bench.readF32(weights, pairs + 4),
    };
    expect([...result.ids.subarray(pairs)]).toEqual(Array(4).fill(SENTINEL));
    expect([...result.weights.subarray(pairs)]).toEqual(Array(4).fill(SENTINEL));
    return { ids: result.ids.subarray(0, pairs), weights: result.weights.subarray(0, pairs) };
  };

  test.for([
    [1, 4, 2, false],
    [7, 8, 2, true],
    [3, 1, 1, false],
    [5, 6, 6, true],
    [2, 60, 4, true],
    [64, 128, 8, false],
    [2, 512, 16, true],
  ] as const)(
    "select equals the reference: %i tokens, %i experts, %i chosen, softmax over all: %s",
    async ([tokens, count, perToken, overAll]) => {
      const random = randomSource(tokens * count);
      const logits = randomNormal(random, tokens * count, 3);
      const scale = 2.5;
      const expected = selectReference(logits, count, perToken, { overAll, scale });
      const { ids, weights } = await select(logits, count, perToken, { overAll, scale });
      expect([...ids]).toEqual([...expected.ids]);
      expect(maxError(weights, expected.weights)).toBeLessThan(1e-6 * scale);
    },
  );

  test.for([
    [1, 4, 2],
    [7, 9, 3],
    [3, 130, 8],
    [2, 512, 16],
  ] as const)(
    "select by sigmoids with a bias, and scales: %i tokens, %i experts, %i chosen",
    async ([tokens, count, perToken]) => {
      const random = randomSource(tokens + count);
      const logits = randomNormal(random, tokens * count, 1.5);
      const [bias, scales] = [randomNormal(random, count, 0.3), randomNormal(random, count)];
      for (const options of [{ bias }, { scales }, { bias, scales, scale: 2.5 }]) {
        const expected = selectReference(logits, count, perToken, { overAll: false, ...options });
        const { ids, weights } = await select(logits, count, perToken, { overAll: false, ...options });
        expect([...ids]).toEqual([...expected.ids]);
        expect(maxError(weights, expected.weights)).toBeLessThan(1e-5);
      }
    },
  );

  test("select by sigmoids gives NaN weights where a logit is NaN or infinite, and bears great ones", async () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const logits = new Float32Array([0, nan, 3, 1, 0, 1, infinity, 2, -infinity, -1e4, 1e4, -200]);
    const bias = new Float32Array([0, 0, 0, 0.5]);
    const { ids, weights } = await select(logits, 4, 2, { overAll: false, bias });
    expect([...ids]).toEqual([1, 3, 2, 3, 2, 3]);
    expect([...weights.subarray(0, 4)].every(Number.isNaN)).toBe(true);
    expect(maxError(weights.subarray(4), [1, 0])).toBeLessThan(1e-6);
  });

  test("select takes the lower id on ties, and -0 equals 0", async () => {
    const logits = new Float32Array([-0, 1, 0, 1, -0, 1, 0, -1]);
    const { ids, weights } = await select(logits, 8, 5, { overAll: false });
    expect([...ids]).toEqual([1, 3, 5, 0, 2]);
    expect(maxError(weights, selectReference(logits, 8, 5, { overAll: false }).weights)).toBeLessThan(1e-6);
  });

  test("select gives distinct ids and NaN weights where a logit is NaN or infinite", async () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const logits = new Float32Array(4 * 6);
    logits.set([0, nan, 3, nan, 1, 2], 0);
    logits.set([nan, nan, nan, nan, nan, nan], 6);
    logits.set([0, infinity, 3, -infinity, 1, 2], 12);
    logits.set([-infinity, 1, -infinity, 2, -infinity, -infinity], 18);
    const { ids, weights } = await select(logits, 6, 3, { overAll: true });
    expect([...ids]).toEqual([1, 3, 2, 0, 1, 2, 1, 2, 5, 3, 1, 0]);
    expect([...weights.subarray(0, 9)].every(Number.isNaN)).toBe(true);
    // an expert that is shut out by -infinity has no weight
    const share = 1 / (1 + Math.exp(-1));
    expect(maxError(weights.subarray(9), [share, 1 - share, 0])).toBeLessThan(1e-6);
  });

  test("select changes nothing of a finished sequence", async () => {
    const logits = randomNormal(randomSource(1), 2 * 8);
    const { ids } = await select(logits, 8, 2, { overAll: true, finished: true });
    expect([...ids]).toEqual([SENTINEL, SENTINEL, SENTINEL, SENTINEL]);
  });

  const routes: Record<string, (pair: number, perToken: number, count: number) => number> = {
    "spread over all experts": (pair, perToken, count) =>
      (pair % perToken) + (((pair * 7919) >> 3) % Math.floor(count / perToken)) * perToken,
    "all on the same experts": (pair, perToken, count) => count - perToken + (pair % perToken),
  };

  test.for(
    Object.keys(routes).flatMap(route =>
      (
        [
          [1, 1, 1, 32],
          [1, 8, 2, 64],
          [33, 5, 1, 32],
          [70, 6, 6, 64],
          [512, 128, 8, 32],
          [512, 32, 16, 64],
        ] as const
      ).map(sizes => [route, ...sizes] as const),
    ),
  )(
    "gather makes the reference's lists, %s: %i tokens, %i experts, %i chosen, tiles of %i",
    async ([route, tokens, count, perToken, tile]) => {
      const ids = Uint32Array.from({ length: tokens * perToken }, (_, pair) =>
        routes[route]!(pair, perToken, count),
      );
      const shape = { count, perToken, tile };
      const most = expertTiles(shape, tokens);
      const bytes = expertListBytes(shape, tokens);
      expect(bytes).toEqual({ pairs: ids.length * 4, tiles: most * 16 });
      const pairs = bench.upload("pairs", new Uint32Array(ids.length + 4).fill(SENTINEL));
      const tiles = bench.upload("tiles", new Uint32Array(most * 4 + 4).fill(SENTINEL));
      const lists = { ...shape, pairs, tiles };
      const inputs = { ids: bench.upload("ids", ids), state: state(tokens) };
      await bench.run([await expertsGather(bench.pipelines, bench.gpu, lists, inputs)], tokens);
      const sorted = await bench.readU32(pairs, ids.length + 4);
      const cut = await bench.readU32(tiles, most * 4 + 4);
      expect([...sorted.subarray(ids.length), ...cut.subarray(most * 4)]).toEqual(Array(8).fill(SENTINEL));
      const found = Array.from({ length: count }, (): number[] => []);
      for (let i = 0; i < most; i++) {
        const [expert, first, end] = cut.subarray(i * 4, i * 4 + 3);
        expect(end! - first!).toBeLessThanOrEqual(tile);
        found[expert!]!.push(...sorted.subarray(first, end));
      }
      expect(found.map(list => list.sort((a, b) => a - b))).toEqual(listsReference(ids, count));
    },
  );

  test("gather changes nothing of a finished sequence", async () => {
    const pairs = bench.upload("pairs", new Uint32Array(4).fill(SENTINEL));
    const tiles = bench.upload("tiles", new Uint32Array(16).fill(SENTINEL));
    const lists = { count: 4, perToken: 2, tile: 32, pairs, tiles };
    const inputs = { ids: bench.upload("ids", new Uint32Array([0, 1, 2, 3])), state: state(2, true) };
    await bench.run([await expertsGather(bench.pipelines, bench.gpu, lists, inputs)], 2);
    const all = [...(await bench.readU32(pairs, 4)), ...(await bench.readU32(tiles, 16))];
    expect(all.every(value => value === SENTINEL)).toBe(true);
  });

  test("tiles are small where lists are short", () => {
    const gpu = { ...bench.gpu, software: false };
    expect(expertTile(gpu, { count: 8, perToken: 2 })).toBe(64);
    expect(expertTile(gpu, { count: 128, perToken: 8 })).toBe(32);
    expect(expertTile({ ...gpu, software: true }, { count: 8, perToken: 2 })).toBe(32);
  });

  test.for([
    [1, 4, 1],
    [3, 36, 4],
    [5, 576, 2],
    [2, 260, 16],
  ] as const)(
    "combine adds, or stores, the weighed products of %i tokens of %i, %i experts each",
    async ([tokens, size, perToken]) => {
      const random = randomSource(size);
      const z = randomNormal(random, tokens * perToken * size);
      const weights = randomNormal(random, tokens * perToken);
      const x = randomNormal(random, (tokens + 1) * size);
      const products = { values: Float64Array.from(z), magnitudes: Float64Array.from(z, Math.abs) };
      const expected = (before: Float32Array, scale?: number) =>
        combineReference(before, products, weights, size, perToken, scale);
      const target = bench.upload("x", x);
      const buffers = { z: bench.upload("z", z), weights: bench.upload("weights", weights), x: target };
      const combine = async (finished: boolean, scale?: number): Promise<Float32Array> => {
        const all = { ...buffers, state: state(tokens, finished) };
        const dispatch = await expertsCombine(bench.pipelines, bench.gpu, { size, perToken }, all, scale);
        await bench.run([dispatch], tokens);
        return bench.readF32(target, x.length);
      };
      expect(await combine(true, 0.3)).toEqual(x);
      expect(worst(await combine(false, 0.3), expected(x, 0.3), 1e-6)).toBeLessThan(1);
      const behind = x.map((value, i) => (i < tokens * size ? 0 : value));
      expect(worst(await combine(false), expected(behind), 1e-6)).toBeLessThan(1);
    },
  );
});
