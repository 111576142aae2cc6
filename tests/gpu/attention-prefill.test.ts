import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AttentionVariant, attentionPrefill } from "../../src/kernels/attention.ts";
import { attentionCase, type Heads, shapeOf } from "./attention-support.ts";
import { type KernelBench, kernelBench, maxError } from "./support.ts";

const smollm2: Heads = [9, 3, 64];
const shapes: [string, Heads][] = [
  ["no grouping", [4, 4, 32]],
  ["one KV head of 128", [8, 1, 128]],
];
const variants: { variant: AttentionVariant; more: typeof shapes }[] = [
  {
    variant: "tiled",
    more: [...shapes, ["80 elements a head", [8, 2, 80]], ["256 elements a head", [2, 1, 256]]],
  },
  { variant: "software", more: shapes.slice(1) },
];

describe.each(variants)("attention-prefill, $variant", ({ variant, more }) => {
  let bench: KernelBench;
  let limit: number;
  beforeAll(async () => {
    bench = await kernelBench();
    limit = bench.gpu.f16 ? 2e-3 : 1e-5;
  });
  afterAll(() => bench.close());

  const errorAt = async (heads: Heads, position: number, rows: number): Promise<number> => {
    const shape = shapeOf(heads, 24);
    const { buffers, expected, read } = attentionCase(bench, shape, position, rows);
    const step = await attentionPrefill(bench.pipelines, bench.gpu, shape, buffers, variant);
    await bench.run([step], rows);
    return maxError(await read(), expected);
  };

  test.each([
    [0, 1],
    [0, 2],
    [0, 15],
    [0, 16],
    [0, 17],
    [0, 33],
    [0, 130],
    [1, 31],
    [37, 5],
    [255, 1],
    [255, 65],
    [256, 64],
    [303, 81],
  ])("equals the reference from position %i, %i rows", async (position, rows) => {
    expect(await errorAt(smollm2, position, rows)).toBeLessThan(limit);
  });

  test.each(more)("equals the reference with %s", async (_, heads) => {
    expect(await errorAt(heads, 19, 70)).toBeLessThan(limit);
  });

  test("leaves the output alone once the sequence is finished", async () => {
    const shape = shapeOf(smollm2, 24);
    const { buffers, read, expected } = attentionCase(bench, shape, 0, 20);
    bench.gpu.device.queue.writeBuffer(buffers.state, 8, new Uint32Array([1]));
    const step = await attentionPrefill(bench.pipelines, bench.gpu, shape, buffers, variant);
    await bench.run([step], 20);
    expect(maxError(await read(), new Float32Array(expected.length))).toBe(0);
  });
});
