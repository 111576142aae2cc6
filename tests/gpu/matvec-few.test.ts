import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type MatvecFewOptions, matvecFew } from "../../src/kernels/matvec-few.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { WeightType } from "../../src/kernels/weights.ts";
import { epilogueReference } from "../reference/epilogue.ts";
import { matmulReference } from "../reference/matmul.ts";
import { epilogueCases } from "./epilogue-cases.ts";
import { epilogueOf, heldBefore, randomWeight, vectorAmongOthers, worst } from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

type Case = readonly [
  rows: number,
  tokens: number,
  type: WeightType,
  kind: "store" | "add" | "glu" | "gated",
  height: number,
  columns: number,
];
type Variant = NonNullable<MatvecFewOptions["variant"]>;
const VARIANTS: readonly Variant[] = ["subgroups", "workgroup"];

/**
 * Rows of the text, tokens of the batch, type, epilogue, rows and columns of the weight: each way of scales, ragged ends, split
 * teams. A software adapter compiles eight rows, written out, for many seconds: there most have few.
 */
const CASES: readonly Case[] = [
  [2, 2, "Q4_0", "store", 577, 576],
  [8, 5, "Q4_0", "glu", 200, 288],
  [2, 1, "Q8_0", "gated", 260, 32],
  [3, 2, "F16", "store", 37, 40],
  [2, 2, "Q6_K", "add", 36, 768],
  [2, 2, "Q4_0", "store", 36, 4864],
  ...(inject("variants") === "all"
    ? ([
        [8, 8, "Q4_1", "add", 100, 96],
        [4, 1, "BF16", "glu", 72, 104],
        [8, 7, "F32", "add", 36, 8],
        [4, 2, "Q4_K", "glu", 72, 512],
        [4, 4, "Q2_K", "add", 36, 256],
        [2, 2, "Q5_K", "store", 33, 512],
        [4, 3, "IQ4_NL", "store", 37, 96],
        [4, 4, "IQ2_XS", "glu", 72, 512],
        [2, 2, "TQ1_0", "add", 36, 256],
      ] as const)
    : []),
];

describe("matvec-few", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  const unsupported = (variant: Variant): boolean => variant === "subgroups" && !bench.gpu.subgroups;
  const state = (rows: number, finished = false): GPUBuffer =>
    bench.state(stateBytes({ position: 9, rows, finished, generated: 0 }));

  const all = VARIANTS.flatMap((variant, index) =>
    (index === 0 || inject("variants") === "all" ? CASES : CASES.slice(0, 3)).map(
      entry => [variant, ...entry] as const,
    ),
  );
  test.for(all.map(entry => [entry.join(" "), entry] as const))(
    "%s: all tokens of the batch equal the reference, and no other row is touched",
    async ([_name, [variant, rows, tokens, type, kind, height, columns]], { skip }) => {
      skip(unsupported(variant), "no subgroups on this adapter");
      const random = randomSource(height * columns + tokens);
      const { weight, values } = await randomWeight(bench, random, type, height, columns);
      const outputs = kind === "glu" ? height / 2 : height;
      const x = randomNormal(random, tokens * columns, 0.1);
      const held = heldBefore(random, { kind }, outputs, tokens, (tokens + 1) * outputs + 4);
      const y = bench.upload("y", held);
      const epilogue = epilogueOf({ kind }, y);
      const options = { weight, epilogue, x: bench.upload("x", x), rows, state: state(tokens), variant };
      await bench.run([await matvecFew(bench.pipelines, bench.gpu, options)]);
      const expected = epilogueReference({ kind }, matmulReference(x, values, height, columns), height, held);
      expect(worst(await bench.readF32(y, held.length), expected, 1e-6)).toBeLessThan(1);
    },
  );

  test.for(epilogueCases(VARIANTS.slice(0, 1)))(
    "%s: %j after a bias, in its columns, and nothing beside them",
    async ([variant, shape], { skip }) => {
      skip(unsupported(variant), "no subgroups on this adapter");
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
        rows: tokens,
        state: state(tokens),
        variant,
      };
      await bench.run([await matvecFew(bench.pipelines, bench.gpu, options)]);
      const product = matmulReference(x, values, rows, columns, bias);
      const expected = epilogueReference(shape, product, rows, held);
      expect(worst(await bench.readF32(y, held.length), expected, 1e-5)).toBeLessThan(1);
    },
  );
});
