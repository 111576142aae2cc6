import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { QkvPlaces, Temperature } from "../../src/kernels/epilogue.ts";
import type { NormKind } from "../../src/kernels/norm.ts";
import { qkNorm } from "../../src/kernels/qk-norm.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { KV_BLOCK, qkvReference } from "../reference/matmul.ts";
import { qkNormReference } from "../reference/qk-norm.ts";
import { randomRope, readCache, SENTINEL, vectorsAmongOthers, worst, zeros } from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

interface Case {
  kind: NormKind;
  over: "head" | "own-head" | "all-heads";
  heads: number;
  kvHeads: number;
  headDim: number;
  rotated: number;
  temperature?: Temperature;
}

const TEMPERATURE = { scale: 0.3, original: 9 };
const CASES: Case[] = [
  { kind: "rms", over: "head", heads: 6, kvHeads: 2, headDim: 80, rotated: 80 },
  { kind: "rms", over: "head", heads: 3, kvHeads: 1, headDim: 256, rotated: 64, temperature: TEMPERATURE },
  { kind: "rms", over: "own-head", heads: 4, kvHeads: 4, headDim: 20, rotated: 12 },
  { kind: "rms", over: "all-heads", heads: 6, kvHeads: 3, headDim: 20, rotated: 20 },
  { kind: "layer", over: "own-head", heads: 6, kvHeads: 2, headDim: 80, rotated: 20 },
  { kind: "layer", over: "head", heads: 5, kvHeads: 1, headDim: 36, rotated: 0 },
  { kind: "layer", over: "all-heads", heads: 4, kvHeads: 2, headDim: 12, rotated: 8 },
];
const TOKENS = 19;
const POSITION = 13;
const EPSILON = 1e-2; // large enough to be seen

// where the adapter has f16 the cache is in f16, unless the device is opened without it
describe.each([
  ["as the adapter has it", {}],
  ["f32", { f16: false }],
] as const)("qk-norm, cache %s", (_name, features) => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench(features);
  });
  afterAll(() => bench.close());

  async function run({ kind, over, ...shape }: Case, finished = false) {
    const { heads, kvHeads, headDim, rotated } = shape;
    const random = randomSource(heads * headDim + rotated);
    const kvBlocks = 5;
    const count = (of: number): number => (over === "head" ? headDim : of * headDim);
    const [q, k] = [heads, kvHeads].map(of => randomNormal(random, count(of))) as [
      Float32Array,
      Float32Array,
    ];
    const width = (heads + 2 * kvHeads) * headDim;
    const qkv = randomNormal(random, TOKENS * width, 3).map(value => value + 1);
    const rope = randomRope(random, POSITION + TOKENS, Math.max(rotated, 2));
    const blockTable = new Uint32Array([3, 0, 4]);
    const cacheSize = 2 * kvBlocks * kvHeads * KV_BLOCK * headDim;
    const querySize = (TOKENS + 1) * heads * headDim;
    const y = bench.upload("y", new Float32Array(querySize).fill(SENTINEL));
    const kv = bench.buffers.storage("kv", cacheSize * 4);
    const places: QkvPlaces = {
      ...shape,
      y,
      kv,
      blockTable: bench.upload("blocks", blockTable),
      rope: bench.upload("rope", rope),
      kvBlocks,
    };
    const [qAt, kAt] = vectorsAmongOthers(bench, [q, k]);
    const whole = over === "all-heads";
    const norm = { kind, q: qAt!, k: kAt!, own: over !== "head", whole, epsilon: EPSILON };
    const state = bench.state(stateBytes({ position: POSITION, rows: TOKENS, finished, generated: 0 }));
    const dispatch = await qkNorm(bench.pipelines, bench.gpu, norm, places, {
      qkv: bench.upload("qkv", qkv),
      state,
    });
    await bench.run([dispatch], TOKENS);

    const normed = qkNormReference({ kind, q, k, whole, epsilon: EPSILON }, shape, qkv);
    const queries = zeros(querySize);
    queries.values.fill(SENTINEL);
    const cache = zeros(cacheSize);
    const product = { values: normed, magnitudes: normed.map(value => Math.abs(value) + 1) };
    const everything = { ...shape, kvBlocks, firstRow: 0, rows: width };
    qkvReference(product, everything, POSITION, rope, blockTable, queries, cache);
    const actual = {
      queries: await bench.readF32(y, querySize),
      cache: await readCache(bench, kv, cacheSize),
    };
    return { actual, queries, cache };
  }

  test.each(CASES)("%j: normed, rotated, and in their places", async entry => {
    const { actual, queries, cache } = await run(entry);
    expect(worst(actual.queries, queries, 2e-6)).toBeLessThan(1);
    // a cache in f16 rounds what it stores to 11 bits
    expect(worst(actual.cache, cache, 2e-6, bench.gpu.f16 ? 2 ** -11 : 0)).toBeLessThan(1);
  });

  test("a finished sequence changes nothing", async () => {
    const { actual } = await run(CASES[0]!, true);
    expect(actual.queries.every(value => value === SENTINEL)).toBe(true);
    expect(actual.cache.every(value => value === 0)).toBe(true);
  });
});
