import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AttentionVariant, attentionDecode } from "../../src/kernels/attention.ts";
import { attentionCase, type Heads, shapeOf } from "./attention-support.ts";
import { type KernelBench, kernelBench, maxError } from "./support.ts";

const smollm2: Heads = [9, 3, 64];
const shapes: [string, Heads][] = [
  ["80 elements a head", [8, 2, 80]],
  ["one KV head of 128", [8, 1, 128]],
  ["an odd number of words a head, no grouping", [2, 2, 36]],
];
const variants: { variant: AttentionVariant; more: typeof shapes }[] = [
  { variant: "tiled", more: [...shapes, ["a group of 12", [12, 1, 32]]] },
  { variant: "software", more: shapes.slice(1) },
];

describe.each(variants)("attention-decode, $variant", ({ variant, more }) => {
  let bench: KernelBench;
  let limit: number;
  beforeAll(async () => {
    bench = await kernelBench();
    limit = bench.gpu.f16 ? 2e-3 : 1e-5;
  });
  afterAll(() => bench.close());

  const errorAt = async (heads: Heads, keys: number, longest: number): Promise<number> => {
    const shape = shapeOf(heads, Math.ceil(longest / 16));
    const { buffers, expected, read } = attentionCase(bench, shape, keys - 1, 1);
    const steps = await attentionDecode(bench.pipelines, bench.gpu, shape, buffers, { longest, variant });
    expect(steps.length).toBeLessThanOrEqual(2);
    await bench.run(steps);
    return maxError(await read(), expected);
  };

  test.each([1, 2, 15, 16, 17, 255, 256, 257, 600, 1024])(
    "equals the reference at %i keys, short",
    async keys => {
      expect(await errorAt(smollm2, keys, 1024)).toBeLessThan(limit);
    },
  );

  test.each([1, 256, 257, 511, 2100])("equals the reference at %i keys, long", async keys => {
    expect(await errorAt(smollm2, keys, 2240)).toBeLessThan(limit);
  });

  test.each(more)("equals the reference with %s", async (_, heads) => {
    expect(await errorAt(heads, 300, 320)).toBeLessThan(limit);
  });

  test("leaves the output alone once the sequence is finished", async () => {
    const shape = shapeOf(smollm2, 64);
    const { buffers, read, expected } = attentionCase(bench, shape, 40, 1);
    bench.gpu.device.queue.writeBuffer(buffers.state, 8, new Uint32Array([1]));
    const steps = await attentionDecode(bench.pipelines, bench.gpu, shape, buffers, {
      longest: 1024,
      variant,
    });
    await bench.run(steps);
    expect(maxError(await read(), new Float32Array(expected.length))).toBe(0);
  });
});
