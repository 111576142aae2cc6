import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { matvecFew } from "../../src/kernels/matvec-few.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { WeightType } from "../../src/kernels/weights.ts";
import { epilogueReference } from "../reference/epilogue.ts";
import { matmulReference } from "../reference/matmul.ts";
import { epilogueCases } from "./epilogue-cases.ts";
import { epilogueOf, heldBefore, randomWeight, vectorAmongOthers, worst } from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

type Case = readonly [
  tokens: number,
  type: WeightType,
  kind: "store" | "add" | "glu" | "gated",
  height: number,
  columns: number,
];
/**
 * Tokens of the batch, type, epilogue, rows and columns of the weight: each way of scales, ragged ends, split teams. A software
 * adapter compiles four tokens, written out, for seconds: there are few of them.
 */
const CASES: readonly Case[] = [
  [5, "Q4_0", "store", 577, 576],
  [8, "Q4_0", "glu", 200, 288],
  [1, "Q8_0", "gated", 260, 32],
  [3, "F16", "store", 37, 40],
  [2, "Q6_K", "add", 36, 768],
  [4, "Q4_0", "store", 36, 4864],
  ...(inject("variants") === "all"
    ? ([
        [8, "Q4_1", "add", 100, 96],
        [1, "BF16", "glu", 72, 104],
        [7, "F32", "add", 36, 8],
        [2, "Q4_K", "glu", 72, 512],
        [4, "Q2_K", "add", 36, 256],
        [2, "Q5_K", "store", 33, 512],
        [3, "IQ4_NL", "store", 37, 96],
        [4, "IQ2_XS", "glu", 72, 512],
        [2, "TQ1_0", "add", 36, 256],
      ] as const)
    : []),
];

describe("matvec-few", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  const state = (rows: number, finished = false): GPUBuffer =>
    bench.state(stateBytes({ position: 9, rows, finished, generated: 0 }));

  test.for(CASES.map(entry => [entry.join(" "), entry] as const))(
    "%s: all tokens of the batch equal the reference, and no other row is touched",
    async ([_name, [tokens, type, kind, height, columns]]) => {
      const random = randomSource(height * columns + tokens);
      const { weight, values } = await randomWeight(bench, random, type, height, columns);
      const outputs = kind === "glu" ? height / 2 : height;
      const x = randomNormal(random, tokens * columns, 0.1);
      const held = heldBefore(random, { kind }, outputs, tokens, (tokens + 1) * outputs + 4);
      const y = bench.upload("y", held);
      const epilogue = epilogueOf({ kind }, y);
      const options = { weight, epilogue, x: bench.upload("x", x), state: state(tokens) };
      await bench.run([await matvecFew(bench.pipelines, bench.gpu, options)], tokens);
      const expected = epilogueReference({ kind }, matmulReference(x, values, height, columns), height, held);
      expect(worst(await bench.readF32(y, held.length), expected, 1e-6)).toBeLessThan(1);
    },
  );

  test.for(epilogueCases(["few"]))(
    "%s: %j after a bias, in its columns, and nothing beside them",
    async ([, shape]) => {
      const random = randomSource(31);
      const tokens = 2;
      const [rows, columns] = [shape.kind === "logits" || shape.kind === "store" ? 33 : 40, 72];
      const { weight, values } = await randomWeight(bench, random, "F32", rows, columns);
      const outputs = shape.kind === "glu" ? rows / 2 : rows;
      const x = randomNormal(random, tokens * columns);
      const bias = randomNormal(random, rows, 2);
      const held = heldBefore(random, shape, outputs, tokens, tokens * (shape.stride ?? outputs) + 4);
      const y = bench.upload("y", held);
      const options = {
        weight,
        epilogue: epilogueOf(shape, y),
        x: bench.upload("x", x),
        bias: vectorAmongOthers(bench, bias),
        state: state(tokens),
      };
      await bench.run([await matvecFew(bench.pipelines, bench.gpu, options)], tokens);
      const product = matmulReference(x, values, rows, columns, bias);
      const expected = epilogueReference(shape, product, rows, held);
      expect(worst(await bench.readF32(y, held.length), expected, 1e-5)).toBeLessThan(1);
    },
  );
});
