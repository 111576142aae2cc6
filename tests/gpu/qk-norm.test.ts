import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { QkvPlaces, Temperature } from "../../src/kernels/epilogue.ts";
import type { NormKind } from "../../src/kernels/norm.ts";
import { type KvGiven, qkNorm } from "../../src/kernels/qk-norm.ts";
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
  /** A gate stands behind each head's query. */
  gated?: boolean;
  temperature?: Temperature;
  /** Values are normed too. */
  values?: boolean;
  /** What the projection gives; keys that are values have so many elements brought together in pairs. */
  given?: KvGiven;
}

const TEMPERATURE = { scale: 0.3, original: 9 };
const CASES: Case[] = [
  { kind: "rms", over: "head", heads: 6, kvHeads: 2, headDim: 80, rotated: 80 },
  { kind: "rms", over: "head", heads: 3, kvHeads: 1, headDim: 256, rotated: 64, temperature: TEMPERATURE },
  { kind: "rms", over: "own-head", heads: 4, kvHeads: 4, headDim: 20, rotated: 12 },
  { kind: "rms", over: "all-heads", heads: 6, kvHeads: 3, headDim: 20, rotated: 20 },
  { kind: "rms", over: "head", heads: 3, kvHeads: 1, headDim: 20, rotated: 8, gated: true },
  { kind: "rms", over: "head", heads: 4, kvHeads: 2, headDim: 36, rotated: 36, values: true },
  {
    kind: "rms",
    over: "head",
    heads: 3,
    kvHeads: 1,
    headDim: 512,
    rotated: 512,
    values: true,
    given: { sides: 1, paired: 512 },
  },
  {
    kind: "rms",
    over: "head",
    heads: 6,
    kvHeads: 3,
    headDim: 44,
    rotated: 24,
    values: true,
    given: { sides: 1, paired: 24 },
  },
  {
    kind: "rms",
    over: "own-head",
    heads: 2,
    kvHeads: 2,
    headDim: 12,
    rotated: 8,
    values: true,
    given: { sides: 1, paired: 0 },
  },
  {
    kind: "rms",
    over: "head",
    heads: 6,
    kvHeads: 2,
    headDim: 80,
    rotated: 80,
    values: true,
    given: { sides: 0 },
  },
  { kind: "layer", over: "own-head", heads: 6, kvHeads: 2, headDim: 80, rotated: 20 },
  { kind: "layer", over: "head", heads: 5, kvHeads: 1, headDim: 36, rotated: 0 },
  { kind: "layer", over: "all-heads", heads: 4, kvHeads: 2, headDim: 12, rotated: 8 },
];
const TOKENS = 19;
const POSITION = 13;
const EPSILON = 1e-2; // large enough to be seen

/** Rows whose first heads each have as many numbers behind them that nobody may read. */
function amongGates(qkv: Float32Array, width: number, heads: number, headDim: number) {
  const out = new Float32Array((qkv.length / width) * (width + heads * headDim)).fill(Number.NaN);
  for (let row = 0; row * width < qkv.length; row++) {
    const values = qkv.subarray(row * width, (row + 1) * width);
    const at = row * (width + heads * headDim);
    for (let head = 0; head < heads; head++)
      out.set(values.subarray(head * headDim, (head + 1) * headDim), at + 2 * head * headDim);
    out.set(values.subarray(heads * headDim), at + 2 * heads * headDim);
  }
  return out;
}

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

  async function run({ kind, over, values = false, gated = false, given, ...shape }: Case, finished = false) {
    const { heads, kvHeads, headDim, rotated } = shape;
    const random = randomSource(heads * headDim + rotated);
    const kvBlocks = 5;
    const count = (of: number): number => (over === "head" ? headDim : of * headDim);
    const [q, k] = [heads, kvHeads].map(of => randomNormal(random, count(of))) as [
      Float32Array,
      Float32Array,
    ];
    const width = (heads + 2 * kvHeads) * headDim;
    const sides = given?.sides ?? 2;
    const stride = (heads + sides * kvHeads) * headDim;
    const qkv = randomNormal(random, TOKENS * stride, 3).map(value => value + 1);
    // what the kernel makes of it: [Q | K | V], where values of a key's pairs stand in halves again
    const whole = new Float32Array(TOKENS * width);
    for (let token = 0; token < TOKENS; token++) {
      whole.set(qkv.subarray(token * stride, (token + 1) * stride), token * width);
      if (given?.sides !== 1) continue;
      const { paired } = given;
      for (let row = 0; row < kvHeads * headDim; row++) {
        const element = row % headDim;
        const half = paired / 2;
        const from = element < paired ? (element % half) * 2 + Math.floor(element / half) : element;
        const at = heads * headDim + row - element;
        whole[token * width + at + kvHeads * headDim + element] = qkv[token * stride + at + from]!;
      }
    }
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
    const overAll = over === "all-heads";
    const own = over !== "head";
    const norm = { kind, q: qAt!, k: kAt!, own, whole: overAll, values, gated, epsilon: EPSILON };
    const state = bench.state(stateBytes({ position: POSITION, rows: TOKENS, finished, generated: 0 }));
    const dispatch = await qkNorm(bench.pipelines, bench.gpu, norm, places, {
      qkv: bench.upload("qkv", gated ? amongGates(qkv, width, heads, headDim) : qkv),
      given,
      state,
    });
    await bench.run([dispatch], TOKENS);

    const normed = qkNormReference({ kind, q, k, whole: overAll, values, epsilon: EPSILON }, shape, whole);
    const queries = zeros(querySize);
    queries.values.fill(SENTINEL);
    const cache = zeros(cacheSize);
    const product = { values: normed, magnitudes: normed.map(value => Math.abs(value) + 1) };
    const everything = { ...shape, kvBlocks, firstRow: 0, rows: width };
    qkvReference(product, everything, POSITION, rope, blockTable, queries, cache);
    if (sides === 0) cache.values.fill(0); // another layer's, which stays as it is
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
