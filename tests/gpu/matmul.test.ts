import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import { type MatmulVariant, matmul, matmulVariant } from "../../src/kernels/matmul.ts";
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
  ["tile-64x128", "Q4_K", "store", 37, 512],
  ["tile-64x64", "Q6_K", "glu", 72, 256],
  ["tile-32x64", "Q3_K", "add", 36, 256],
  ["tile-64x128", "MXFP4", "glu", 72, 96],
  ["tile-64x64", "IQ3_S", "store", 37, 512],
  ["tile-32x64", "IQ1_S", "add", 36, 256],
  ["tile-64x128", "Q4_0", "store", 576, 576],
  ["tile-64x64", "Q4_1", "glu", 200, 288],
  ["tile-32x64", "Q8_0", "add", 100, 96],
  ["tile-64x128", "F16", "store", 37, 40],
  ["tile-64x64", "BF16", "glu", 72, 104],
  ["tile-32x64", "F32", "add", 36, 8],
  ["tile-64x128", "Q4_0", "gated", 36, 32],
  ["tile-64x64", "Q4_0", "add", 100, 288],
  ["tile-64x128", "Q4_1", "store", 577, 32],
  ["tile-64x64", "F16", "store", 577, 40],
  ["tile-32x64", "BF16", "glu", 200, 104],
  ["matrix-128x128", "Q4_0", "store", 577, 576],
  ["matrix-128x128", "F16", "glu", 200, 40],
  ["matrix-128x128", "Q8_0", "add", 100, 96],
  ["matrix-128x128", "Q4_K", "gated", 36, 512],
  ["matrix-128x128", "Q6_K", "store", 37, 256],
  ["matrix-128x128", "F32", "add", 36, 8],
  ["matrix-64x64", "Q4_1", "glu", 200, 288],
  ["matrix-64x64", "BF16", "store", 577, 104],
  ["matrix-64x64", "Q5_K", "add", 100, 256],
  ["matrix-64x64", "Q3_K", "store", 37, 512],
  ["matrix-64x64", "Q5_0", "gated", 36, 32],
  ["matrix-64x64", "F32", "store", 5, 8],
  ["matrix-128x128", "MXFP4", "glu", 72, 96],
  ["matrix-128x128", "IQ1_S", "add", 36, 256],
  ["matrix-128x128", "TQ2_0", "store", 37, 256],
  ["matrix-64x64", "IQ4_XS", "store", 37, 512],
  ["matrix-64x64", "IQ2_XS", "glu", 72, 256],
  ["matrix-64x64", "IQ3_S", "add", 36, 256],
];
const TOKENS = [1, 2, 5, 33, 64, 70];
/** The same for the larger tiles of matrix units. */
const MATRIX_TOKENS = [1, 33, 70, 130, 200];
const tokensOf = (variant: MatmulVariant): number[] => (isMatrix(variant) ? MATRIX_TOKENS : TOKENS);

const isMatrix = (variant: MatmulVariant): boolean => variant.startsWith("matrix");
/** Relative to the sum of |w x|: all sums are f32; matrix units round w and x to 11 bits first, by half a bit at most. */
const tolerance = (variant: MatmulVariant): number => 1e-6 + (isMatrix(variant) ? 2 ** -11 : 0);

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

  const unsupported = (variant: MatmulVariant): boolean => isMatrix(variant) && !bench.gpu.subgroupMatrix;

  test.for(CASES)(
    "%s: %s, %s, %i x %i equals the reference for any number of tokens",
    async ([variant, type, kind, rows, columns], { skip }) => {
      skip(unsupported(variant), "no matrix units on this adapter");
      const random = randomSource(rows * columns);
      const { weight, values } = await randomWeight(bench, random, type, rows, columns);
      const outputs = kind === "glu" ? rows / 2 : rows;
      const most = Math.max(...tokensOf(variant));
      const x = randomNormal(random, most * columns, 0.1);
      const whole = matmulReference(x, values, rows, columns);
      const held = heldBefore(random, { kind }, outputs, most, most * outputs);
      for (const tokens of tokensOf(variant)) {
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
        expect(worst(actual, expected, tolerance(variant)), `${tokens} tokens`).toBeLessThan(1);
      }
    },
  );

  test("activated results times columns of other rows, wherever these begin", async () => {
    const random = randomSource(41);
    const [tokens, rows, columns, stride] = [5, 20, 72, 200];
    const { weight, values } = await randomWeight(bench, random, "F32", rows, columns);
    const x = randomNormal(random, tokens * columns);
    const factors = randomNormal(random, tokens * stride);
    const product = matmulReference(x, values, rows, columns);
    const none = new Float32Array(tokens * rows);
    const activated = epilogueReference({ kind: "activated", gate: "gelu" }, product, rows, none);
    for (const first of [0, 64, 148]) {
      const y = bench.upload("y", none);
      const others = { buffer: bench.upload("factors", factors), stride, first };
      const epilogue = { kind: "activated", y, gate: "gelu", factors: others } as const;
      const state = bench.state(stateBytes({ position: 0, rows: tokens, finished: false, generated: 0 }));
      const options = { weight, epilogue, x: bench.upload("x", x), state };
      await bench.run([await matmul(bench.pipelines, bench.gpu, options)], tokens);
      const factor = (i: number): number => factors[Math.floor(i / rows) * stride + first + (i % rows)]!;
      const expected = {
        values: activated.values.map((value, i) => value * factor(i)),
        magnitudes: activated.magnitudes.map((value, i) => value * Math.abs(factor(i))),
      };
      expect(worst(await bench.readF32(y, none.length), expected, 2e-6)).toBeLessThan(1);
    }
  });

  test.for(epilogueCases<MatmulVariant>(["rows", "tile-64x64", "matrix-128x128"]))(
    "%s: %j after a bias, in its columns, and nothing beside them",
    async ([variant, shape], { skip }) => {
      skip(unsupported(variant), "no matrix units on this adapter");
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
      expect(worst(await bench.readF32(y, held.length), expected, tolerance(variant))).toBeLessThan(1);
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
    ["tile-64x128", parts],
    ["tile-64x64", whole],
    ["tile-32x64", parts],
    ["matrix-128x128", whole],
    ["matrix-64x64", parts],
  ] as const)(
    "%s: queries and keys are rotated; queries, keys and values reach their places",
    async ([variant, products], { skip }) => {
      skip(unsupported(variant), "no matrix units on this adapter");
      const random = randomSource(7);
      const temperature = { scale: 0.3, original: 9 };
      const head = { heads: 6, kvHeads: 2, headDim: 20, rotated: 12, kvBlocks: 7, temperature };
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
      expect(worst(await bench.readF32(y, queries.values.length), queries, tolerance(variant))).toBeLessThan(
        1,
      );
      // a cache in f16 rounds what it stores to 11 bits
      const relative = bench.gpu.f16 ? 2 ** -11 : 0;
      expect(worst(await readCache(bench, kv, cacheSize), cache, tolerance(variant), relative)).toBeLessThan(
        1,
      );
    },
  );

  test.for<MatmulVariant>(["rows", "tile-64x128", "tile-32x64", "matrix-128x128", "matrix-64x64"])(
    "%s: a finished sequence changes nothing",
    async (variant, { skip }) => {
      skip(unsupported(variant), "no matrix units on this adapter");
      const random = randomSource(3);
      const { weight } = await randomWeight(bench, random, "Q8_0", 100, 96);
      const y = bench.upload("y", new Float32Array(200).fill(SENTINEL));
      const state = bench.state(stateBytes({ position: 0, rows: 2, finished: true, generated: 0 }));
      const x = bench.upload("x", randomNormal(random, 192));
      const epilogue: Epilogue = { kind: "add", y };
      await bench.run([await matmul(bench.pipelines, bench.gpu, { weight, epilogue, x, state, variant })], 2);
      expect((await bench.readF32(y, 200)).every(value => value === SENTINEL)).toBe(true);
    },
  );

  test("large matrices get large tiles, small ones enough workgroups", () => {
    const choose = (rows: number, part: object, type: WeightType = "Q4_0"): MatmulVariant =>
      matmulVariant({ ...bench.gpu, software: false, subgroupMatrix: false, ...part }, rows, type);
    expect([28_672, 2048, 576].map(rows => choose(rows, {}))).toEqual([
      "tile-64x128",
      "tile-64x64",
      "tile-32x64",
    ]);
    expect([4096, 576].map(rows => choose(rows, { subgroupMatrix: true }))).toEqual([
      "matrix-128x128",
      "matrix-64x64",
    ]);
    expect(choose(4096, { software: true })).toBe("rows");
    // f16 cannot hold all that f32 does
    expect(choose(2048, { subgroupMatrix: true }, "F32")).toBe("tile-64x64");
    expect(choose(2048, { software: true }, "F32")).toBe("rows");
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
