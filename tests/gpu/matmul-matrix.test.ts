// The products on matrix units: as they are where there are some, elsewhere with the matrices emulated. What an emulated
// shader takes to compile leaves room for few; matmul.test.ts has the others, for adapters with matrix units.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Pipelines } from "../../src/gpu/dispatch.ts";
import { type MatmulVariant, matmul } from "../../src/kernels/matmul.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import type { WeightType } from "../../src/kernels/weights.ts";
import { type EpilogueShape, epilogueReference } from "../reference/epilogue.ts";
import { matmulReference } from "../reference/matmul.ts";
import { MATRIX_TIMEOUT_MS, matrixPipelines } from "./matrix-emulation.ts";
import { epilogueOf, heldBefore, randomWeight, vectorAmongOthers, worst } from "./product-support.ts";
import { type KernelBench, kernelBench, randomNormal, randomSource } from "./support.ts";

/** Relative to the sum of |w x|: sums are f32, w and x are rounded to 11 bits, by half a bit at most. */
const TOLERANCE = 1e-6 + 2 ** -11;

/** Rows and columns that leave tiles half empty, in several tiles each way; and some tokens, some tiles of them. */
const CASES: [
  MatmulVariant,
  WeightType,
  EpilogueShape["kind"],
  rows: number,
  columns: number,
  tokens: number[],
][] = [
  ["matrix-128x128", "Q4_0", "glu", 200, 96, [1, 33, 130, 200]],
  ["matrix-128x128", "Q8_0", "add", 164, 160, [1, 70, 130]],
  ["matrix-64x64", "F16", "store", 141, 104, [1, 33, 70]],
  ["matrix-64x64", "Q6_K", "add", 76, 256, [5, 64]],
];

describe("matmul on matrix units", () => {
  let bench: KernelBench;
  let pipelines: Pipelines;
  beforeAll(async () => {
    bench = await kernelBench();
    pipelines = matrixPipelines(bench);
  });
  afterAll(() => bench.close());

  test.for(CASES)(
    "%s: %s, %s, %i x %i after a bias equals the reference",
    { timeout: MATRIX_TIMEOUT_MS },
    async ([variant, type, kind, rows, columns, batches], { skip }) => {
      skip(!bench.gpu.f16, "no f16 on this adapter");
      const random = randomSource(rows * columns);
      const { weight, values } = await randomWeight(bench, random, type, rows, columns);
      const outputs = kind === "glu" ? rows / 2 : rows;
      const bias = randomNormal(random, rows, 2);
      for (const tokens of batches) {
        const x = randomNormal(random, tokens * columns, 0.1);
        const held = heldBefore(random, { kind }, outputs, tokens, (tokens + 1) * outputs);
        const y = bench.upload("y", held);
        const options = {
          weight,
          bias: vectorAmongOthers(bench, bias),
          epilogue: epilogueOf({ kind }, y),
          x: bench.upload("x", x),
          state: bench.state(stateBytes({ position: 9, rows: tokens, finished: false, generated: 0 })),
          variant,
        };
        await bench.run([await matmul(pipelines, bench.gpu, options)], tokens);
        const product = matmulReference(x, values, rows, columns, bias);
        const expected = epilogueReference({ kind }, product, rows, held);
        expect(
          worst(await bench.readF32(y, held.length), expected, TOLERANCE),
          `${tokens} tokens`,
        ).toBeLessThan(1);
      }
    },
  );
});
