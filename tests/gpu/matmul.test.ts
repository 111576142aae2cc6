import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import { type MatmulVariant, matmul } from "../../src/kernels/matmul.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { Weight, WeightType } from "../../src/kernels/weights.ts";
import { type EpilogueShape, epilogueReference } from "../reference/epilogue.ts";
import { KV_BLOCK, matmulReference, type Product, qkvReference } from "../reference/matmul.ts";
import { epilogueCases } from "./epilogue-cases.ts";
import {
  epilogueOf,
  heldBefore,
  randomRope,
  randomWeight,
  readCache,
  SENTINEL,
  vectorAmongOthers,
  worst,
  zeros,
} from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

const CASES: [MatmulVariant, WeightType, EpilogueShape["kind"], rows: number, columns: number][] = [
  ["rows", "Q4_0", "store", 576, 576],
  ["rows", "Q4_1", "glu", 200, 288],
  ["rows", "Q8_0", "add", 100, 96],
  ["rows", "F16", "store", 37, 40],
  ["rows", "BF16", "glu", 72, 104],
  ["rows", "F32", "add", 36, 8],
  ["rows", "Q8_0", "gated", 100, 96],
  ["rows", "Q4_K", "glu", 72, 512],
  ["rows", "Q6_K", "store", 37, 256],
  ["rows", "Q5_0", "add", 36, 96],
  ["rows", "IQ4_XS", "store", 37, 512],
  ["rows", "IQ2_XS", "glu", 72, 256],
  ["rows", "IQ1_M", "add", 36, 256],
  ["tile", "Q4_K", "store", 37, 512],
  ["tile", "Q6_K", "glu", 72, 256],
  ["tile", "Q3_K", "add", 36, 256],
  ["tile", "MXFP4", "glu", 72, 96],
  ["tile", "IQ3_S", "store", 37, 512],
  ["tile", "IQ1_S", "add", 36, 256],
  ["tile", "Q4_0", "store", 576, 576],
  ["tile", "Q4_1", "glu", 200, 288],
  ["tile", "Q8_0", "add", 100, 96],
  ["tile", "F16", "store", 37, 40],
  ["tile", "BF16", "glu", 72, 104],
  ["tile", "F32", "add", 36, 8],
  ["tile", "Q4_0", "gated", 36, 32],
  ["tile", "Q4_0", "add", 100, 288],
  ["tile", "Q4_1", "store", 577, 32],
];
const TOKENS = [1, 2, 5, 33, 64, 70];

/** Relative to the sum of |w x|: all sums are f32. */
const TOLERANCE = 1e-6;

/** The part of a product that belongs to the first rows of the batch. */
const firstTokens = ({ values, magnitudes }: Product, count: number): Product => ({
  values: values.subarray(0, count),
  magnitudes: magnitudes.subarray(0, count),
});

describe("matmul", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  test.for(CASES)(
    "%s: %s, %s, %i x %i equals the reference for any number of tokens",
    async ([variant, type, kind, rows, columns]) => {
      const random = randomSource(rows * columns);
      const { weight, values } = await randomWeight(bench, random, type, rows, columns);
      const outputs = kind === "glu" ? rows / 2 : rows;
      const most = Math.max(...TOKENS);
      const x = randomNormal(random, most * columns, 0.1);
      const whole = matmulReference(x, values, rows, columns);
      const held = heldBefore(random, { kind }, outputs, most, most * outputs);
      for (const tokens of TOKENS) {
        const y = bench.upload("y", held);
        const state = bench.state(stateBytes({ position: 9, rows: tokens, finished: false, generated: 0 }));
        const options = {
          weight,
          epilogue: epilogueOf({ kind }, y),
          x: bench.upload("x", x),
          state,
          variant,
        };
        await bench.run([await matmul(bench.pipelines, bench.gpu, options)], tokens);
        const expected = epilogueReference({ kind }, firstTokens(whole, tokens * rows), rows, held);
        const actual = await bench.readF32(y, held.length);
        expect(worst(actual, expected, TOLERANCE), `${tokens} tokens`).toBeLessThan(1);
      }
    },
  );

  test.for(epilogueCases(["rows", "tile"]))(
    "%s: %j after a bias, in its columns, and nothing beside them",
    async ([variant, shape]) => {
      const random = randomSource(31);
      const [rows, columns] = [shape.kind === "logits" || shape.kind === "store" ? 33 : 40, 72];
      const tokens = 67;
      const { weight, values } = await randomWeight(bench, random, "F32", rows, columns);
      const outputs = shape.kind === "glu" ? rows / 2 : rows;
      const x = randomNormal(random, tokens * columns);
      const bias = randomNormal(random, rows, 2);
      const held = heldBefore(random, shape, outputs, tokens, (tokens + 1) * (shape.stride ?? outputs));
      const y = bench.upload("y", held);
      const options = {
        weight,
        bias: vectorAmongOthers(bench, bias),
        epilogue: epilogueOf(shape, y),
        x: bench.upload("x", x),
        state: bench.state(stateBytes({ position: 9, rows: tokens, finished: false, generated: 0 })),
        variant,
      };
      await bench.run([await matmul(bench.pipelines, bench.gpu, options)], tokens);
      const product = matmulReference(x, values, rows, columns, bias);
      const expected = epilogueReference(shape, product, rows, held);
      expect(worst(await bench.readF32(y, held.length), expected, TOLERANCE)).toBeLessThan(1);
    },
  );

  // [type, first row, rows] of each product: Q, K and V in one, or where their types differ apart
  const whole: [WeightType, number, number][] = [["Q4_0", 0, 200]];
  const parts: [WeightType, number, number][] = [
    ["Q4_1", 0, 160],
    ["Q8_0", 160, 40],
  ];

  test.for([
    ["rows", whole],
    ["tile", parts],
    ["tile", whole],
  ] as const)(
    "%s: queries and keys are rotated; queries, keys and values reach their places",
    async ([variant, products]) => {
      const random = randomSource(7);
      const head = { heads: 6, kvHeads: 2, headDim: 20, rotated: 12, kvBlocks: 7 };
      const { heads, kvHeads, headDim, rotated, kvBlocks } = head;
      const [position, tokens, columns] = [13, 38, 96];
      const blockTable = new Uint32Array([5, 2, 6, 0]);
      const rope = randomRope(random, position + tokens, rotated);
      const x = randomNormal(random, tokens * columns, 0.1);
      const bias = randomNormal(random, (heads + 2 * kvHeads) * headDim);
      const cacheSize = 2 * kvBlocks * kvHeads * KV_BLOCK * headDim;
      const y = bench.upload("y", new Float32Array((tokens + 1) * heads * headDim).fill(SENTINEL));
      const kv = bench.buffers.storage("kv", cacheSize * 4);
      const [queries, cache] = [zeros((tokens + 1) * heads * headDim), zeros(cacheSize)];
      queries.values.fill(SENTINEL);
      for (const [type, firstRow, rows] of products) {
        const { weight, values } = await randomWeight(bench, random, type, rows, columns);
        const epilogue: Epilogue = {
          ...head,
          kind: "qkv",
          y,
          kv,
          blockTable: bench.upload("blocks", blockTable),
          rope: bench.upload("rope", rope),
          firstRow,
        };
        const state = bench.state(stateBytes({ position, rows: tokens, finished: false, generated: 0 }));
        const part = bias.subarray(firstRow, firstRow + rows);
        const options = {
          weight,
          bias: vectorAmongOthers(bench, part),
          epilogue,
          x: bench.upload("x", x),
          state,
          variant,
        };
        await bench.run([await matmul(bench.pipelines, bench.gpu, options)], tokens);
        const product = matmulReference(x, values, rows, columns, part);
        qkvReference(product, { ...head, rows, firstRow }, position, rope, blockTable, queries, cache);
      }
      expect(worst(await bench.readF32(y, queries.values.length), queries, TOLERANCE)).toBeLessThan(1);
      // a cache in f16 rounds what it stores to 11 bits
      const relative = bench.gpu.f16 ? 2 ** -11 : 0;
      expect(worst(await readCache(bench, kv, cacheSize), cache, TOLERANCE, relative)).toBeLessThan(1);
    },
  );

  test.each<MatmulVariant>(["rows", "tile"])("%s: a finished sequence changes nothing", async variant => {
    const random = randomSource(3);
    const { weight } = await randomWeight(bench, random, "Q8_0", 100, 96);
    const y = bench.upload("y", new Float32Array(200).fill(SENTINEL));
    const state = bench.state(stateBytes({ position: 0, rows: 2, finished: true, generated: 0 }));
    const x = bench.upload("x", randomNormal(random, 192));
    const epilogue: Epilogue = { kind: "add", y };
    await bench.run([await matmul(bench.pipelines, bench.gpu, { weight, epilogue, x, state, variant })], 2);
    expect((await bench.readF32(y, 200)).every(value => value === SENTINEL)).toBe(true);
  });

  test("a weight whose rows do not suit the epilogue is refused", () => {
    const buffer = bench.buffers.storage("none", 16);
    const weight: Weight = { type: "F32", rows: 12, columns: 8, words: buffer, scales: null };
    const options = {
      weight,
      epilogue: { kind: "glu", gate: "silu", y: buffer },
      x: buffer,
      state: buffer,
    } as const;
    expect(() => matmul(bench.pipelines, bench.gpu, options)).toThrow(RangeError);
  });
});
