import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dispatch } from "../../src/gpu/dispatch.ts";
import { expertsCombine, expertsDown, expertsGather, expertsSelect } from "../../src/kernels/experts.ts";
import { type MatmulVariant, matmul } from "../../src/kernels/matmul.ts";
import { type MatvecVariant, matvec } from "../../src/kernels/matvec.ts";
import {
  type ExpertLists,
  type ExpertShape,
  expertListBytes,
  expertTile,
  type HeldExperts,
} from "../../src/kernels/routing.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { Vector } from "../../src/kernels/vector.ts";
import type { Weight, WeightType } from "../../src/kernels/weights.ts";
import { epilogueReference } from "../reference/epilogue.ts";
import {
  combineReference,
  type ExpertMatrices,
  expertProducts,
  selectReference,
} from "../reference/experts.ts";
import { matmulReference, type Product } from "../reference/matmul.ts";
import { randomWeight, worst } from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

/** Relative to the sum of |w x|: all sums are f32. */
const TOLERANCE = 1e-6;
/** The adapter's own products of a batch: matrix units round both factors to 11 bits. */
const ownTolerance = ({ gpu }: KernelBench): number => TOLERANCE + (gpu.subgroupMatrix ? 2 ** -11 : 0);
const EPSILON = 1e-2; // large enough to be seen

/** By epilogue. */
const GATE = { store: "silu", glu: "silu", gated: "silu", activated: "relu2" } as const;

describe("products with experts", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  const unsupported = (variant: string): boolean => variant === "subgroups" && !bench.gpu.subgroups;
  const state = (rows: number, finished = false): GPUBuffer =>
    bench.state(stateBytes({ position: 9, rows, finished, generated: 0 }));

  /** All experts' matrices, and the vectors that go with them in one buffer. */
  const randomMatrices = async (
    random: () => number,
    type: WeightType,
    count: number,
    rows: number,
    columns: number,
    { norm = false, bias = false, split = false } = {},
  ) => {
    const border = split ? Math.floor(count / 2) : count;
    const weights: { weight: Weight; held: HeldExperts | undefined }[] = [];
    const values = new Float32Array(count * rows * columns);
    for (const held of [
      { first: 0, count: border },
      { first: border, count: count - border },
    ]) {
      if (held.count === 0) continue;
      const part = await randomWeight(bench, random, type, held.count * rows, columns);
      values.set(part.values, held.first * rows * columns);
      weights.push({ weight: part.weight, held: split ? held : undefined });
    }
    const scale = norm ? randomNormal(random, columns) : new Float32Array(0);
    const added = bias ? randomNormal(random, count * rows) : new Float32Array(0);
    const buffer = bench.upload("vectors", new Float32Array([...scale, ...added]));
    const biasVector: Vector | undefined = bias ? { buffer, at: scale.length / 4 } : undefined;
    const matrices: ExpertMatrices = { values, bias: bias ? added : null, rows, columns };
    return {
      weights,
      matrices,
      scale,
      norm: norm ? { weight: { buffer, at: 0 }, epsilon: EPSILON } : undefined,
      bias: biasVector,
    };
  };

  const normed = (x: Float32Array, scale: Float32Array): Float64Array => {
    const squares = x.reduce((sum, value) => sum + value * value, 0);
    return Float64Array.from(x, (value, i) => (value / Math.sqrt(squares / x.length + EPSILON)) * scale[i]!);
  };

  /** `perToken` different experts for each token, the last experts for none where that is possible. */
  const randomIds = (random: () => number, tokens: number, { count, perToken }: ExpertShape) => {
    const ids = new Uint32Array(tokens * perToken);
    const used = Math.max(perToken, count - 2);
    for (let token = 0; token < tokens; token++) {
      const order = Array.from({ length: used }, (_, id) => ({ id, key: random() }));
      order.sort((a, b) => a.key - b.key);
      ids.set(
        order.slice(0, perToken).map(({ id }) => id),
        token * perToken,
      );
    }
    return ids;
  };

  /** What the epilogue makes of products; `held` is what stands in y before. */
  const finished = (kind: Kind, product: Product, rows: number, filled: Float32Array) => {
    const before =
      kind === "gated" ? filled : new Float32Array(product.values.length / (kind === "glu" ? 2 : 1));
    return epilogueReference({ kind, gate: GATE[kind] }, product, rows, before);
  };

  type Kind = keyof typeof GATE;
  type First<V> = [
    V,
    WeightType,
    Kind,
    count: number,
    perToken: number,
    F: number,
    columns: number,
    parts: string,
  ];

  const DECODE: First<MatvecVariant>[] = [
    ["rows", "Q4_0", "glu", 5, 2, 36, 96, "norm bias"],
    ["rows", "Q4_K", "glu", 4, 4, 20, 256, ""],
    ["rows", "F16", "store", 3, 1, 72, 40, "bias"],
    ["rows", "Q8_0", "gated", 6, 3, 260, 32, "norm split"],
    ["rows", "Q4_0", "activated", 5, 2, 36, 96, "split"],
    ["subgroups", "Q8_0", "activated", 6, 3, 100, 96, "norm bias"],
    ["subgroups", "Q4_K", "glu", 8, 3, 72, 512, "norm bias split"],
    ["subgroups", "F16", "glu", 1, 1, 4, 8, ""],
    ["subgroups", "Q8_0", "gated", 5, 5, 100, 96, "norm"],
    ["subgroups", "Q4_0", "store", 9, 2, 68, 288, "norm"],
    // rows long enough for 8 subgroups on each row group
    ["subgroups", "Q8_0", "glu", 3, 2, 8, 4832, "norm bias"],
    ["workgroup", "Q4_0", "glu", 7, 2, 68, 288, "norm bias"],
    ["workgroup", "Q4_K", "store", 2, 2, 36, 256, ""],
    ["workgroup", "Q8_0", "gated", 16, 16, 12, 64, "bias split"],
  ];

  test.for(DECODE)(
    "matvec %s: %s, %s, %i experts, %i chosen, %i x %i, %s: each slot equals the reference",
    async ([variant, type, kind, count, perToken, size, columns, parts], { skip }) => {
      skip(unsupported(variant), "no subgroups on this adapter");
      const random = randomSource(count * size + columns);
      const rows = kind === "glu" ? 2 * size : size;
      const options = {
        norm: parts.includes("norm"),
        bias: parts.includes("bias"),
        split: parts.includes("split"),
      };
      const { weights, matrices, scale, norm, bias } = await randomMatrices(
        random,
        type,
        count,
        rows,
        columns,
        options,
      );
      const ids = randomIds(random, 1, { count, perToken });
      const x = randomNormal(random, columns, 0.1);
      const filled = randomNormal(random, (perToken + 1) * size);
      const product = expertProducts(norm ? normed(x, scale) : x, matrices, ids, perToken);
      const before = filled.subarray(0, perToken * size);
      const expected = finished(kind, product, rows, before);
      for (const over of [true, false]) {
        const y = bench.upload("y", filled);
        const dispatches = weights.map(({ weight, held }) =>
          matvec(bench.pipelines, bench.gpu, {
            weight,
            norm,
            bias,
            epilogue: kind === "store" ? { kind, y } : { kind, y, gate: GATE[kind] },
            x: bench.upload("x", x),
            experts: { count, perToken, ids: bench.upload("ids", ids), held },
            state: state(1, over),
            variant,
          }),
        );
        await bench.run(await Promise.all(dispatches));
        const actual = await bench.readF32(y, filled.length);
        if (over) expect(actual).toEqual(filled);
        else expect(worst(actual.subarray(0, before.length), expected, TOLERANCE)).toBeLessThan(1);
        expect(actual.subarray(before.length)).toEqual(filled.subarray(before.length));
      }
    },
  );

  const DOWN: [
    MatvecVariant,
    WeightType,
    count: number,
    perToken: number,
    rows: number,
    columns: number,
    parts: string,
  ][] = [
    ["rows", "Q4_0", 5, 2, 100, 96, "bias split"],
    ["rows", "Q4_K", 4, 4, 36, 256, ""],
    ["subgroups", "Q4_K", 8, 3, 72, 512, "bias split"],
    ["subgroups", "F16", 1, 1, 4, 8, ""],
    ["subgroups", "Q8_0", 20, 16, 100, 96, ""],
    ["workgroup", "Q8_0", 20, 16, 100, 96, "bias"],
    ["workgroup", "Q4_0", 7, 6, 68, 288, "split"],
    ["workgroup", "F16", 3, 1, 36, 40, "bias"],
  ];

  test.for(DOWN)(
    "down %s: %s, %i experts, %i chosen, %i x %i, %s: the weighed sum equals the reference",
    async ([variant, type, count, perToken, rows, columns, parts], { skip }) => {
      skip(unsupported(variant), "no subgroups on this adapter");
      const random = randomSource(count * rows + columns);
      const { weights, matrices, bias } = await randomMatrices(random, type, count, rows, columns, {
        bias: parts.includes("bias"),
        split: parts.includes("split"),
      });
      const ids = randomIds(random, 1, { count, perToken });
      const shares = randomNormal(random, perToken);
      const x = randomNormal(random, perToken * columns, 0.1);
      const filled = randomNormal(random, rows + 4);
      const products = expertProducts(x, matrices, ids, 1);
      const added = combineReference(filled.subarray(0, rows), products, shares, rows, perToken);
      const stored = combineReference(new Float32Array(rows), products, shares, rows, perToken);
      for (const [over, store] of [
        [true, false],
        [false, false],
        [false, true],
      ] as const) {
        const expected = store ? stored : added;
        const y = bench.upload("y", filled);
        const dispatches = weights.map(({ weight, held }, part) =>
          expertsDown(bench.pipelines, bench.gpu, {
            weight,
            held,
            bias,
            x: bench.upload("x", x),
            count,
            perToken,
            ids: bench.upload("ids", ids),
            weights: bench.upload("weights", shares),
            epilogue: { kind: store && part === 0 ? "store" : "add", y },
            state: state(1, over),
            variant,
          }),
        );
        await bench.run(await Promise.all(dispatches));
        const actual = await bench.readF32(y, filled.length);
        if (over) expect(actual).toEqual(filled);
        else expect(worst(actual.subarray(0, rows), expected, TOLERANCE)).toBeLessThan(1);
        expect(actual.subarray(rows)).toEqual(filled.subarray(rows));
      }
    },
  );

  const makeLists = (shape: ExpertShape, tile: number, rows: number): ExpertLists => {
    const bytes = expertListBytes({ ...shape, tile }, rows);
    return {
      ...shape,
      tile,
      pairs: bench.buffers.storage("pairs", bytes.pairs),
      tiles: bench.buffers.storage("tiles", bytes.tiles),
    };
  };

  const PREFILL: First<[MatmulVariant, tile: number]>[] = [
    [["rows", 32], "Q4_0", "glu", 5, 2, 36, 96, "bias"],
    [["rows", 32], "Q4_K", "store", 4, 4, 20, 256, "pairs"],
    [["rows", 32], "F16", "gated", 3, 1, 72, 40, "split"],
    [["tile-32x64", 32], "Q8_0", "activated", 5, 2, 68, 96, "split"],
    [["tile-32x64", 32], "Q4_K", "glu", 8, 3, 68, 512, "bias split"],
    [["tile-64x64", 64], "Q4_0", "glu", 4, 2, 36, 96, ""],
    [["tile-32x64", 32], "Q8_0", "store", 6, 6, 100, 96, "pairs bias"],
    [["tile-64x64", 64], "F16", "gated", 1, 1, 76, 40, "pairs"],
  ];

  test.for(PREFILL)(
    "matmul %s: %s, %s, %i experts, %i chosen, %i x %i, %s: each pair equals the reference",
    async ([[variant, tile], type, kind, count, perToken, size, columns, parts]) => {
      const random = randomSource(count * size + columns);
      const rows = kind === "glu" ? 2 * size : size;
      const inputs = parts.includes("pairs") ? "pairs" : "tokens";
      const { weights, matrices, bias } = await randomMatrices(random, type, count, rows, columns, {
        bias: parts.includes("bias"),
        split: parts.includes("split"),
      });
      const lists = makeLists({ count, perToken }, tile, 70);
      for (const [tokens, same] of [
        [1, false],
        [33, false],
        [70, true],
      ] as const) {
        const pairs = tokens * perToken;
        const ids = same
          ? Uint32Array.from({ length: pairs }, (_, pair) => count - 1 - (pair % perToken))
          : randomIds(random, tokens, { count, perToken });
        const x = randomNormal(random, (inputs === "pairs" ? pairs : tokens) * columns, 0.1);
        const filled = randomNormal(random, (pairs + 1) * size);
        const before = filled.subarray(0, pairs * size);
        const product = expertProducts(x, matrices, ids, inputs === "pairs" ? 1 : perToken);
        const expected = finished(kind, product, rows, before);
        const y = bench.upload("y", filled);
        const now = state(tokens);
        const dispatches = [
          expertsGather(bench.pipelines, bench.gpu, lists, { ids: bench.upload("ids", ids), state: now }),
          ...weights.map(({ weight, held }) =>
            matmul(bench.pipelines, bench.gpu, {
              weight,
              bias,
              epilogue: kind === "store" ? { kind, y } : { kind, y, gate: GATE[kind] },
              x: bench.upload("x", x),
              experts: { lists, inputs, held },
              state: now,
              variant,
            }),
          ),
        ];
        await bench.run(await Promise.all(dispatches), tokens);
        const actual = await bench.readF32(y, filled.length);
        expect(
          worst(actual.subarray(0, before.length), expected, TOLERANCE),
          `${tokens} tokens`,
        ).toBeLessThan(1);
        expect(actual.subarray(before.length)).toEqual(filled.subarray(before.length));
      }
    },
  );

  test("a whole mixture, with the adapter's own variants: prefill and decode equal the reference", async () => {
    const random = randomSource(21);
    const shape = { count: 6, perToken: 3 };
    const { count, perToken } = shape;
    const [tokens, hidden, size] = [37, 64, 96];
    const first = await randomMatrices(random, "Q4_0", count, 2 * size, hidden);
    const last = await randomMatrices(random, "Q8_0", count, hidden, size, { bias: true });
    const router = await randomWeight(bench, random, "F32", count, hidden);
    const input = randomNormal(random, tokens * hidden, 0.3);
    const residual = randomNormal(random, tokens * hidden);
    const logits = Float32Array.from(matmulReference(input, router.values, count, hidden).values);
    const chosen = selectReference(logits, count, perToken, { overAll: true });
    const gateUp = expertProducts(input, first.matrices, chosen.ids, perToken);
    const before = new Float32Array(gateUp.values.length / 2);
    const inner = epilogueReference({ kind: "glu" }, gateUp, 2 * size, before);
    const outer = expertProducts(inner.values, last.matrices, chosen.ids, 1);
    // how the roundings of `inner` and of the weights grow
    outer.magnitudes.fill(4 * Math.max(...outer.magnitudes) + Math.max(...inner.magnitudes) * size);
    const expected = combineReference(residual, outer, chosen.weights, hidden, perToken);

    const buffers = {
      logits: bench.buffers.storage("logits", tokens * count * 4),
      ids: bench.buffers.storage("ids", tokens * perToken * 4),
      weights: bench.buffers.storage("weights", tokens * perToken * 4),
    };
    const inside = bench.buffers.storage("inside", tokens * perToken * size * 4);
    const z = bench.buffers.storage("z", tokens * perToken * hidden * 4);
    const select = (now: GPUBuffer): Promise<Dispatch> =>
      expertsSelect(bench.pipelines, bench.gpu, { ...shape, ...buffers, overAll: true, state: now });
    const glu = { kind: "glu", y: inside, gate: "silu" } as const;
    const route = { kind: "store", y: buffers.logits } as const;

    const lists = makeLists(shape, expertTile(bench.gpu, shape), tokens);
    const x = bench.upload("x", residual);
    const batch = { x: bench.upload("input", input), state: state(tokens) };
    const pipes = [bench.pipelines, bench.gpu] as const;
    const down = { weight: last.weights[0]!.weight, bias: last.bias };
    const prefill = [
      matmul(...pipes, { weight: router.weight, epilogue: route, ...batch }),
      select(batch.state),
      expertsGather(...pipes, lists, { ids: buffers.ids, state: batch.state }),
      matmul(...pipes, {
        weight: first.weights[0]!.weight,
        epilogue: glu,
        ...batch,
        experts: { lists, inputs: "tokens" },
      }),
      matmul(...pipes, {
        ...down,
        epilogue: { kind: "store", y: z },
        x: inside,
        state: batch.state,
        experts: { lists, inputs: "pairs" },
      }),
      expertsCombine(
        ...pipes,
        { size: hidden, perToken },
        { z, weights: buffers.weights, x, state: batch.state },
        1,
      ),
    ];
    await bench.run(await Promise.all(prefill), tokens);
    const all = await bench.readF32(x, residual.length);
    expect(worst(all, expected, ownTolerance(bench))).toBeLessThan(1);

    const at = (tokens - 1) * hidden;
    const y = bench.upload("y", residual.slice(at));
    const one = { x: bench.upload("input", input.slice(at)), state: state(1) };
    const decode = [
      matvec(...pipes, { weight: router.weight, epilogue: route, ...one }),
      select(one.state),
      matvec(...pipes, {
        weight: first.weights[0]!.weight,
        epilogue: glu,
        ...one,
        experts: { ...shape, ids: buffers.ids },
      }),
      expertsDown(...pipes, {
        ...down,
        ...shape,
        ...buffers,
        x: inside,
        epilogue: { kind: "add", y },
        state: one.state,
      }),
    ];
    await bench.run(await Promise.all(decode));
    const lastOne = { values: expected.values.subarray(at), magnitudes: expected.magnitudes.subarray(at) };
    expect(worst(await bench.readF32(y, hidden), lastOne, TOLERANCE)).toBeLessThan(1);
  });

  test("add with a gate: the product times the sigmoid of a number a token, as a shared expert wants it", async () => {
    const random = randomSource(8);
    const [tokens, rows, columns] = [3, 36, 64];
    const { weight, values } = await randomWeight(bench, random, "Q8_0", rows, columns);
    const x = randomNormal(random, tokens * columns, 0.1);
    const gate = new Float32Array([-2, 0.5, 90]);
    const filled = randomNormal(random, tokens * rows);
    const product = matmulReference(x, values, rows, columns);
    const scaled = (numbers: Float64Array): Float64Array =>
      numbers.map((value, i) => (0.5 * value) / (1 + Math.exp(-gate[Math.floor(i / rows)]!)));
    const result = { values: scaled(product.values), magnitudes: scaled(product.magnitudes) };
    const expected = epilogueReference({ kind: "add" }, result, rows, filled);
    const y = bench.upload("y", filled);
    const epilogue = { kind: "add", y, scale: 0.5, tokenGate: bench.upload("gate", gate) } as const;
    const batch = { weight, epilogue, x: bench.upload("x", x), state: state(tokens) };
    await bench.run([await matmul(bench.pipelines, bench.gpu, batch)], tokens);
    expect(worst(await bench.readF32(y, filled.length), expected, ownTolerance(bench))).toBeLessThan(1);
  });

  test("experts whose rows are no multiple of 4, and tiles that a variant does not have, are refused", async () => {
    const buffer = bench.buffers.storage("none", 16);
    const weight: Weight = { type: "F32", rows: 12, columns: 8, words: buffer, scales: null };
    const epilogue = { kind: "store", y: buffer } as const;
    const options = { weight, epilogue, x: buffer, state: buffer };
    const experts = { count: 2, perToken: 1, ids: buffer };
    expect(() => matvec(bench.pipelines, bench.gpu, { ...options, experts })).toThrow(RangeError);
    const lists = { ...experts, count: 3, tile: 64, pairs: buffer, tiles: buffer };
    const product = { ...options, experts: { lists, inputs: "tokens" } } as const;
    for (const variant of ["rows", "matrix-64x64"] as const) {
      expect(() => matmul(bench.pipelines, bench.gpu, { ...product, variant })).toThrow(/^Tiles of 64 pairs/);
    }
  });
});
