import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Step } from "../../src/gpu/step.ts";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import { type MatvecVariant, matvec, matvecVariant } from "../../src/kernels/matvec.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { Weight, WeightType } from "../../src/kernels/weights.ts";
import { gluReference, KV_BLOCK, qkvReference } from "../reference/matmul.ts";
import { matvecReference, type Norm } from "../reference/matvec.ts";
import {
  addTo,
  besides,
  randomRope,
  randomWeight,
  readCache,
  SENTINEL,
  worst,
  zeros,
} from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

const VARIANTS: readonly MatvecVariant[] = ["rows", "subgroups", "workgroup"];

// A team's threads take 8 columns each, a whole team of 32 thus 256 at once: fewer columns leave threads without work.
const CASES: [
  MatvecVariant,
  WeightType,
  Exclude<Epilogue["kind"], "qkv">,
  rows: number,
  columns: number,
  norm: "norm" | "plain",
][] = [
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
  ["subgroups", "Q4_K", "store", 37, 512, "norm"],
  ["subgroups", "Q6_K", "glu", 72, 768, "plain"],
  ["subgroups", "Q5_1", "add", 36, 96, "norm"],
  // rows long enough for 8 subgroups, or 256 threads, on each row group
  ["subgroups", "Q8_0", "add", 36, 4832, "norm"],
  ["workgroup", "F16", "store", 9, 4840, "norm"],
  ["workgroup", "Q6_K", "gated", 36, 256, "norm"],
  ["workgroup", "Q5_K", "store", 37, 512, "plain"],
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
  const upload = (norm: Norm | null) =>
    norm ? { norm: { weight: bench.upload("norm", norm.weight), epsilon: norm.epsilon } } : {};
  const randomNorm = (random: () => number, columns: number): Norm => ({
    weight: randomNormal(random, columns),
    epsilon: EPSILON,
  });

  test.for(CASES.map(entry => [entry.join(" "), entry] as const))(
    "%s equals the reference for the last token of a batch",
    async ([_name, [variant, type, kind, rows, columns, normed]], { skip }) => {
      skip(unsupported(variant), "no subgroups on this adapter");
      const random = randomSource(rows * columns);
      const { weight, values } = await randomWeight(bench, random, type, rows, columns);
      const outputs = kind === "glu" ? rows / 2 : rows;
      const norm = normed === "norm" ? randomNorm(random, columns) : null;
      const before = kind === "add" || kind === "gated" ? randomNormal(random, outputs) : null;
      for (const tokens of TOKENS) {
        const x = randomNormal(random, tokens * columns, 0.1);
        let expected = matvecReference(x, values, rows, columns, norm);
        if (kind === "glu") expected = gluReference(expected, rows);
        if (kind === "gated") expected = gluReference(besides(before!, expected, rows), 2 * rows);
        if (kind === "add") expected = addTo(before!, expected);
        const held = new Float32Array(tokens * outputs + 4).fill(SENTINEL);
        if (before) held.set(before);
        const y = bench.upload("y", held);
        const options = {
          weight,
          epilogue: { kind, y },
          x: bench.upload("x", x),
          state: state(tokens),
          variant,
        };
        await bench.run([await matvec(bench.pipelines, bench.gpu, { ...options, ...upload(norm) })]);
        const actual = await bench.readF32(y, held.length);
        expect(worst(actual.subarray(0, outputs), expected, 1e-6), `${tokens} tokens`).toBeLessThan(1);
        expect(actual.subarray(outputs).every(value => value === SENTINEL)).toBe(true);
      }
    },
  );

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
      const head = { heads: 6, kvHeads: 2, headDim: 20, rotated: 12, kvBlocks: 7 };
      const { heads, kvHeads, headDim, rotated, kvBlocks } = head;
      const [position, columns] = [37, 96];
      const blockTable = new Uint32Array([5, 2, 6, 0]);
      const rope = randomRope(random, position + 1, rotated);
      const x = randomNormal(random, columns, 0.1);
      const norm = randomNorm(random, columns);
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
        await bench.run([await matvec(bench.pipelines, bench.gpu, { ...options, ...upload(norm) })]);
        const product = matvecReference(x, values, rows, columns, norm);
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
    const step = await matvec(bench.pipelines, bench.gpu, { ...options, ...upload(norm), variant });
    const [count] = step.workgroups as readonly [number, number, number];
    const width = Math.floor(Math.sqrt(count));
    await bench.run([{ ...step, workgroups: [width, Math.ceil(count / width), 1] }]);
    const expected = matvecReference(x, values, rows, columns, norm);
    expect(worst(await bench.readF32(y, rows), expected, 1e-6)).toBeLessThan(1);
  });

  test("more workgroups than fit into a row form a rectangle that holds them all", async () => {
    const buffer = bench.buffers.storage("none", 16);
    const workgroupsOf = async (groups: number): Promise<Step["workgroups"]> => {
      const weight: Weight = { type: "F32", rows: groups * 4, columns: 8, words: buffer, scales: null };
      const y = bench.buffers.storage("y", 16);
      const options = { weight, epilogue: { kind: "store", y } as const, x: buffer, state: state(1) };
      return (await matvec(bench.pipelines, bench.gpu, { ...options, variant: "workgroup" })).workgroups;
    };
    // one row group a workgroup
    expect(await workgroupsOf(65_535)).toEqual([65_535, 1, 1]);
    expect(await workgroupsOf(65_535 + 1)).toEqual([256, 256, 1]);
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
