import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dispatch } from "../../src/gpu/dispatch.ts";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import { type MatvecVariant, matvec, matvecVariant, mostLanes } from "../../src/kernels/matvec.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { Vector } from "../../src/kernels/vector.ts";
import type { Weight, WeightType } from "../../src/kernels/weights.ts";
import { type EpilogueShape, epilogueReference } from "../reference/epilogue.ts";
import { KV_BLOCK, qkvReference } from "../reference/matmul.ts";
import { matvecReference, type Norm } from "../reference/matvec.ts";
import { epilogueCases, GATES, gateGrid } from "./epilogue-cases.ts";
import { type ProductCase, pathCases, pathOf } from "./matvec-paths.ts";
import {
  epilogueOf,
  heldBefore,
  randomRope,
  randomWeight,
  readCache,
  SENTINEL,
  vectorAmongOthers,
  vectorsAmongOthers,
  worst,
  zeros,
} from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";
import { f32Weight } from "./weight-support.ts";

const VARIANTS: readonly MatvecVariant[] = ["rows", "subgroups", "workgroup"];

// A team's threads take 8 columns each, a whole team of 32 thus 256 at once: fewer columns leave threads without work.
const CASES: ProductCase[] = [
  ["rows", "Q4_0", "store", 577, 576, "norm"],
  ["rows", "Q4_1", "glu", 200, 288, "norm"],
  ["rows", "Q8_0", "add", 100, 96, "plain"],
  ["rows", "F16", "store", 37, 40, "plain"],
  ["rows", "BF16", "glu", 72, 104, "norm"],
  ["rows", "F32", "add", 36, 8, "plain"],
  ["rows", "Q8_0", "gated", 260, 32, "norm"],
  ["subgroups", "Q4_0", "glu", 200, 576, "plain"],
  ["subgroups", "Q4_1", "store", 577, 288, "norm"],
  ["subgroups", "Q8_0", "add", 100, 96, "plain"],
  ["subgroups", "F16", "gated", 36, 8, "norm"],
  ["subgroups", "BF16", "store", 1, 104, "plain"],
  ["subgroups", "F32", "glu", 72, 264, "norm"],
  ["rows", "Q4_K", "glu", 72, 512, "norm"],
  ["rows", "Q6_K", "store", 37, 768, "plain"],
  ["rows", "Q2_K", "add", 36, 256, "norm"],
  ["rows", "IQ4_NL", "store", 37, 96, "norm"],
  ["rows", "IQ3_XXS", "glu", 72, 512, "norm"],
  ["rows", "TQ1_0", "add", 36, 256, "plain"],
  ["rows", "IQ1_M", "store", 37, 256, "plain"],
  ["subgroups", "Q4_K", "store", 37, 512, "norm"],
  ["subgroups", "Q6_K", "glu", 72, 768, "plain"],
  ["subgroups", "Q5_1", "add", 36, 96, "norm"],
  ["subgroups", "IQ1_S", "glu", 72, 512, "norm"],
  ["subgroups", "MXFP4", "add", 36, 96, "norm"],
  ["subgroups", "IQ2_S", "store", 37, 512, "plain"],
  ["subgroups", "Q5_0", "glu", 72, 96, "plain"],
  ["workgroup", "Q4_0", "add", 36, 1056, "norm"],
  ["workgroup", "Q6_K", "gated", 36, 256, "norm"],
  ["workgroup", "Q5_K", "store", 37, 512, "plain"],
  ["workgroup", "IQ2_XXS", "store", 37, 256, "norm"],
  ["workgroup", "TQ2_0", "add", 36, 512, "plain"],
  ["workgroup", "Q8_0", "add", 100, 96, "plain"],
  ["workgroup", "Q4_1", "glu", 200, 288, "norm"],
  ["workgroup", "BF16", "store", 577, 40, "norm"],
];

/** Tokens in the batch: the last one counts. */
const TOKENS = [1, 3];
const EPSILON = 1e-2; // large enough to be seen

describe("matvec", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  const unsupported = (variant: MatvecVariant): boolean => variant === "subgroups" && !bench.gpu.subgroups;
  const state = (rows: number, position = 9, finished = false): GPUBuffer =>
    bench.state(stateBytes({ position, rows, finished, generated: 0 }));
  /** Norm and bias in one buffer, where the kernel wants them. */
  const upload = (norm: Norm | null, bias?: Float32Array) => {
    const vectors = vectorsAmongOthers(bench, [...(norm ? [norm.weight] : []), ...(bias ? [bias] : [])]);
    return {
      ...(norm ? { norm: { weight: vectors[0]!, epsilon: norm.epsilon } } : {}),
      ...(bias ? { bias: vectors.at(-1)! } : {}),
    };
  };
  const randomNorm = (random: () => number, columns: number): Norm => ({
    weight: randomNormal(random, columns),
    epsilon: EPSILON,
  });

  const compare = async ([variant, type, kind, rows, columns, normed]: ProductCase): Promise<void> => {
    const random = randomSource(rows * columns);
    const { weight, values } = await randomWeight(bench, random, type, rows, columns);
    const outputs = kind === "glu" ? rows / 2 : rows;
    const norm = normed === "norm" ? randomNorm(random, columns) : null;
    for (const tokens of TOKENS) {
      const x = randomNormal(random, tokens * columns, 0.1);
      const held = heldBefore(random, { kind }, outputs, 1, tokens * outputs + 4);
      const y = bench.upload("y", held);
      const options = {
        weight,
        epilogue: epilogueOf({ kind }, y),
        x: bench.upload("x", x),
        state: state(tokens),
        variant,
      };
      await bench.run([await matvec(bench.pipelines, bench.gpu, { ...options, ...upload(norm) })]);
      const product = matvecReference(x, values, rows, columns, norm);
      const expected = epilogueReference({ kind }, product, rows, held);
      const actual = await bench.readF32(y, held.length);
      expect(worst(actual, expected, 1e-6), `${tokens} tokens`).toBeLessThan(1);
    }
  };

  test.for(CASES.map(entry => [entry.join(" "), entry] as const))(
    "%s equals the reference for the last token of a batch",
    async ([_name, entry], { skip }) => {
      skip(unsupported(entry[0]), "no subgroups on this adapter");
      await compare(entry);
    },
  );

  test.for(
    pathCases(32).map(([[variant, type, kind], path], index) => [variant, type, kind, path, index] as const),
  )("%s %s %s takes the path %j and equals the reference", async ([variant, ...rest], { skip }) => {
    skip(unsupported(variant), "no subgroups on this adapter");
    const [entry, path] = pathCases(mostLanes(bench.gpu, "subgroups"))[rest[3]]!;
    expect(await pathOf(bench.gpu, entry)).toEqual(path);
    await compare(entry);
  });

  test.for(epilogueCases(VARIANTS))(
    "%s: %j after a bias, in its columns, and nothing beside them",
    async ([variant, shape], { skip }) => {
      skip(unsupported(variant), "no subgroups on this adapter");
      const random = randomSource(29);
      const [rows, columns] = [shape.kind === "logits" || shape.kind === "store" ? 33 : 40, 72];
      const { weight, values } = await randomWeight(bench, random, "F32", rows, columns);
      const outputs = shape.kind === "glu" ? rows / 2 : rows;
      const x = randomNormal(random, columns);
      const bias = randomNormal(random, rows, 2);
      // the norm stands before the bias in their buffer
      const norm = shape.kind === "store" || shape.kind === "glu" ? randomNorm(random, columns) : null;
      const held = heldBefore(random, shape, outputs, 1, (shape.stride ?? outputs) + 4);
      const y = bench.upload("y", held);
      const options = {
        weight,
        epilogue: epilogueOf(shape, y),
        x: bench.upload("x", x),
        state: state(1),
        variant,
      };
      await bench.run([await matvec(bench.pipelines, bench.gpu, { ...options, ...upload(norm, bias) })]);
      const product = matvecReference(x, values, rows, columns, norm, bias);
      const expected = epilogueReference(shape, product, rows, held);
      expect(worst(await bench.readF32(y, held.length), expected, 1e-6)).toBeLessThan(1);
    },
  );

  test("activated results times columns of other rows, wherever these begin", async () => {
    const random = randomSource(41);
    const [tokens, rows, columns, stride] = [1, 20, 72, 200];
    const { weight, values } = await randomWeight(bench, random, "F32", rows, columns);
    const x = randomNormal(random, tokens * columns);
    const factors = randomNormal(random, tokens * stride);
    const product = matvecReference(x, values, rows, columns, null);
    const none = new Float32Array(tokens * rows);
    const activated = epilogueReference({ kind: "activated", gate: "gelu" }, product, rows, none);
    for (const first of [0, 64, 148]) {
      const y = bench.upload("y", none);
      const others = { buffer: bench.upload("factors", factors), stride, first };
      const epilogue = { kind: "activated", y, gate: "gelu", factors: others } as const;
      const state = bench.state(stateBytes({ position: 0, rows: tokens, finished: false, generated: 0 }));
      const options = { weight, epilogue, x: bench.upload("x", x), state };
      await bench.run([await matvec(bench.pipelines, bench.gpu, options)], tokens);
      const factor = (i: number): number => factors[Math.floor(i / rows) * stride + first + (i % rows)]!;
      const expected = {
        values: activated.values.map((value, i) => value * factor(i)),
        magnitudes: activated.magnitudes.map((value, i) => value * Math.abs(factor(i))),
      };
      expect(worst(await bench.readF32(y, none.length), expected, 2e-6)).toBeLessThan(1);
    }
  });

  test.for(GATES)("gate %s is right, and a number, however large its inputs", async gate => {
    const { gates, ups } = gateGrid();
    const rows = gates.length;
    // the product of such a weight with (1, 0, 0, ...) is its first column
    const weight = await f32Weight(bench, rows, 8, (row, column) => (column === 0 ? ups[row]! : 0));
    const x = bench.upload("x", new Float32Array([1, 0, 0, 0, 0, 0, 0, 0]));
    const y = bench.upload("y", gates);
    const shape: EpilogueShape = { kind: "gated", gate };
    const options = { weight, epilogue: epilogueOf(shape, y), x, state: state(1) };
    await bench.run([await matvec(bench.pipelines, bench.gpu, options)]);
    const product = { values: Float64Array.from(ups), magnitudes: Float64Array.from(ups, () => 0) };
    const expected = epilogueReference(shape, product, rows, gates);
    expect(worst(await bench.readF32(y, rows), expected, 2e-6)).toBeLessThan(1);
  });

  test("capped logits keep to their cap, however large they were", async () => {
    const raw = Float32Array.from([0, 1, -1, 29, 300, -300, 1e5, -1e5, 3e38, -3e38, 60, -60]);
    const weight = await f32Weight(bench, raw.length, 8, (row, column) => (column === 0 ? raw[row]! : 0));
    const y = bench.upload("y", new Float32Array(raw.length));
    const shape: EpilogueShape = { kind: "logits", scale: 0.5, cap: 30 };
    const x = bench.upload("x", new Float32Array([1, 0, 0, 0, 0, 0, 0, 0]));
    await bench.run([
      await matvec(bench.pipelines, bench.gpu, {
        weight,
        epilogue: epilogueOf(shape, y),
        x,
        state: state(1),
      }),
    ]);
    const product = { values: Float64Array.from(raw), magnitudes: new Float64Array(raw.length) };
    const expected = epilogueReference(shape, product, raw.length, raw);
    expect(worst(await bench.readF32(y, raw.length), expected, 1e-6)).toBeLessThan(1);
  });

  test("a norm and a bias in different buffers are refused", async () => {
    const random = randomSource(4);
    const { weight } = await randomWeight(bench, random, "F32", 8, 8);
    const vector = (): Vector => vectorAmongOthers(bench, randomNormal(random, 8));
    const y = bench.upload("y", new Float32Array(8));
    const epilogue = epilogueOf({ kind: "store" }, y);
    const options = { weight, epilogue, x: y, state: state(1), bias: vector() };
    expect(() =>
      matvec(bench.pipelines, bench.gpu, { ...options, norm: { weight: vector(), epsilon: 1 } }),
    ).toThrow(RangeError);
  });

  // [type, first row, rows] of each product: Q, K and V in one, or where their types differ apart
  const whole: [WeightType, number, number][] = [["Q4_0", 0, 200]];
  const parts: [WeightType, number, number][] = [
    ["Q4_1", 0, 160],
    ["Q8_0", 160, 40],
  ];

  test.for([
    ["rows", "in one product", whole],
    ["subgroups", "in two products", parts],
    ["workgroup", "in one product", whole],
  ] as const)(
    "%s, %s: queries and keys are rotated; queries, keys and values reach their places",
    async ([variant, _name, products], { skip }) => {
      skip(unsupported(variant), "no subgroups on this adapter");
      const random = randomSource(11);
      const temperature = { scale: 0.3, original: 9 };
      const head = { heads: 6, kvHeads: 2, headDim: 20, rotated: 12, kvBlocks: 7, temperature };
      const { heads, kvHeads, headDim, rotated, kvBlocks } = head;
      const [position, columns] = [37, 96];
      const blockTable = new Uint32Array([5, 2, 6, 0]);
      const rope = randomRope(random, position + 1, rotated);
      const x = randomNormal(random, columns, 0.1);
      const norm = randomNorm(random, columns);
      const bias = randomNormal(random, (heads + 2 * kvHeads) * headDim);
      const cacheSize = 2 * kvBlocks * kvHeads * KV_BLOCK * headDim;
      const y = bench.upload("y", new Float32Array((heads + 1) * headDim).fill(SENTINEL));
      const kv = bench.buffers.storage("kv", cacheSize * 4);
      const [queries, cache] = [zeros((heads + 1) * headDim), zeros(cacheSize)];
      queries.values.fill(SENTINEL);
      for (const [type, firstRow, rows] of products) {
        const { weight, values } = await randomWeight(bench, random, type, rows, columns);
        const places = {
          y,
          kv,
          blockTable: bench.upload("blocks", blockTable),
          rope: bench.upload("rope", rope),
        };
        const epilogue: Epilogue = { ...head, ...places, kind: "qkv", firstRow };
        const options = { weight, epilogue, x: bench.upload("x", x), state: state(1, position), variant };
        const part = bias.subarray(firstRow, firstRow + rows);
        await bench.run([await matvec(bench.pipelines, bench.gpu, { ...options, ...upload(norm, part) })]);
        const product = matvecReference(x, values, rows, columns, norm, part);
        qkvReference(product, { ...head, rows, firstRow }, position, rope, blockTable, queries, cache);
      }
      expect(worst(await bench.readF32(y, queries.values.length), queries, 1e-6)).toBeLessThan(1);
      // a cache in f16 rounds what it stores to 11 bits
      const relative = bench.gpu.f16 ? 2 ** -11 : 0;
      expect(worst(await readCache(bench, kv, cacheSize), cache, 1e-6, relative)).toBeLessThan(1);
    },
  );

  test.each([
    ["rows", "Q4_0", 577, 576],
    ["workgroup", "BF16", 577, 40],
  ] as const)("%s: workgroups may lie in a rectangle", async (variant, type, rows, columns) => {
    const random = randomSource(5);
    const { weight, values } = await randomWeight(bench, random, type, rows, columns);
    const norm = randomNorm(random, columns);
    const x = randomNormal(random, columns, 0.1);
    const y = bench.upload("y", new Float32Array(rows).fill(SENTINEL));
    const options = {
      weight,
      epilogue: { kind: "store", y } as const,
      x: bench.upload("x", x),
      state: state(1),
    };
    const dispatch = await matvec(bench.pipelines, bench.gpu, { ...options, ...upload(norm), variant });
    const [count] = dispatch.workgroups as readonly [number, number, number];
    const width = Math.floor(Math.sqrt(count));
    await bench.run([{ ...dispatch, workgroups: [width, Math.ceil(count / width), 1] }]);
    const expected = matvecReference(x, values, rows, columns, norm);
    expect(worst(await bench.readF32(y, rows), expected, 1e-6)).toBeLessThan(1);
  });

  test("more workgroups than fit into a row form a rectangle that holds them all", async () => {
    const buffer = bench.buffers.storage("none", 16);
    const workgroupsOf = async (groups: number): Promise<Dispatch["workgroups"]> => {
      const weight: Weight = { type: "F32", rows: groups * 4, columns: 8, words: buffer, scales: null };
      const y = bench.buffers.storage("y", 16);
      const options = { weight, epilogue: { kind: "store", y } as const, x: buffer, state: state(1) };
      return (await matvec(bench.pipelines, bench.gpu, { ...options, variant: "workgroup" })).workgroups;
    };
    // a row group a workgroup
    expect(await workgroupsOf(65_535)).toEqual([65_535, 1, 1]);
    expect(await workgroupsOf(65_536)).toEqual([256, 256, 1]);
  });

  test.for(VARIANTS)("%s: a finished sequence changes nothing", async (variant, { skip }) => {
    skip(unsupported(variant), "no subgroups on this adapter");
    const random = randomSource(3);
    const { weight } = await randomWeight(bench, random, "Q8_0", 100, 96);
    const y = bench.upload("y", new Float32Array(100).fill(SENTINEL));
    const x = bench.upload("x", randomNormal(random, 96));
    const options = { weight, epilogue: { kind: "add", y } as const, x, state: state(1, 0, true), variant };
    await bench.run([await matvec(bench.pipelines, bench.gpu, options)]);
    expect((await bench.readF32(y, 100)).every(value => value === SENTINEL)).toBe(true);
  });

  test("the variant is the one that suits the adapter", () => {
    expect(matvecVariant({ ...bench.gpu, software: true, subgroups: true })).toBe("rows");
    expect(matvecVariant({ ...bench.gpu, software: false, subgroups: true })).toBe("subgroups");
    expect(matvecVariant({ ...bench.gpu, software: false, subgroups: false })).toBe("workgroup");
  });
});
