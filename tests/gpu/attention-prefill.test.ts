import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attentionPrefill, type PrefillVariant } from "../../src/kernels/attention.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import {
  attentionCase,
  type Extras,
  type Heads,
  type Options,
  ownVariants,
  shapeOf,
} from "./attention-support.ts";
import { type KernelBench, kernelBench, maxError, randomSource } from "./support.ts";

const smollm2: Heads = [9, 3, 64];
const odd: Heads = [6, 2, 20];
const shapes: [string, Heads][] = [
  ["no grouping", [4, 4, 32]],
  ["96 elements, 6 heads on 2", [6, 2, 96]],
  ["4 elements a head", [3, 1, 4]],
  ["one KV head of 128", [8, 1, 128]],
];
/** What is out of the ordinary, position and rows, and blocks of the cache. */
const unusual: [string, Heads, Options & Extras, position: number, rows: number, kvBlocks?: number][] = [
  ["a window full within the batch", odd, { window: 40 }, 3, 130],
  ["a window in a ring, long", odd, { window: 33 }, 3000, 45, 6],
  ["capped scores far past the cap", odd, { softcap: 5, spread: 1000 }, 9, 140],
  ["sinks", smollm2, { sinks: true }, 0, 21],
  ["372 elements, a window, a cap and sinks", [2, 1, 372], { sinks: true, window: 60, softcap: 4 }, 100, 70],
  ["a window, a cap and sinks", odd, { sinks: true, window: 60, softcap: 4 }, 100, 70],
  ["all tokens seen by all, in a second batch", odd, { causal: false }, 19, 130],
  ["a window not yet full", odd, { window: 100 }, 0, 70],
  ["a window of one key", odd, { window: 1 }, 37, 20],
  ["a window, the batch's rows far apart", smollm2, { window: 17 }, 200, 150],
  ["a window in a ring", odd, { window: 100 }, 305, 60, 11],
  ["capped scores", smollm2, { softcap: 3 }, 9, 40],
  ["sinks and a window in a ring", [16, 2, 64], { sinks: true, window: 128 }, 200, 70, 14],
  ["all tokens seen by all", odd, { causal: false }, 0, 70],
  ["all tokens seen by all, 12 heads of 64", [12, 12, 64], { causal: false }, 0, 33],
];
const wide: typeof shapes = [
  ["512 elements a head", [4, 2, 512]],
  ["260 elements a head", [3, 1, 260]],
];
const variants: { variant: PrefillVariant; more: typeof shapes; special: typeof unusual }[] = [
  {
    variant: "tiled",
    more: [...shapes, ["80 elements a head", [8, 2, 80]], ["256 elements a head", [2, 1, 256]], ...wide],
    special: unusual,
  },
  { variant: "software", more: shapes.slice(1), special: unusual.slice(0, 6) }, // slow to compile on lavapipe
];

describe.each(ownVariants(variants))("attention-prefill, $variant", ({ variant, more, special }) => {
  let bench: KernelBench;
  let limit: number;
  beforeAll(async () => {
    bench = await kernelBench();
    limit = bench.gpu.f16 ? 2e-3 : 1e-5;
  });
  afterAll(() => bench.close());

  const errorAt = async (
    heads: Heads,
    position: number,
    rows: number,
    { sinks, spread, ...options }: Options & Extras = {},
    kvBlocks = 24,
  ): Promise<number> => {
    const shape = shapeOf(heads, kvBlocks, options);
    const { buffers, expected, read } = attentionCase(bench, shape, position, rows, { sinks, spread });
    const dispatch = await attentionPrefill(bench.pipelines, bench.gpu, shape, buffers, variant);
    await bench.run([dispatch], rows);
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

  test.each(special)("equals the reference with %s", async (_, heads, options, position, rows, kvBlocks) => {
    expect(await errorAt(heads, position, rows, options, kvBlocks)).toBeLessThan(limit);
  });

  test("equals the reference at random sizes", async () => {
    const random = randomSource(6);
    const upTo = (count: number): number => 1 + Math.floor(random() * count);
    for (let run = 0; run < (variant === "software" ? 3 : 6); run++) {
      const kvHeads = upTo(3);
      const heads: Heads = [kvHeads * upTo(5), kvHeads, 4 * upTo(48)];
      const position = upTo(200);
      const rows = upTo(100);
      const window = run % 2 === 0 ? upTo(150) : undefined;
      const options = { window, sinks: run % 3 === 0, softcap: run % 3 === 1 ? 2 : undefined };
      const where = `${heads} at ${position}, ${rows} rows`;
      expect(await errorAt(heads, position, rows, options), where).toBeLessThan(limit);
    }
  });

  test("leaves the output alone once the sequence is finished", async () => {
    const shape = shapeOf(smollm2, 24);
    const { buffers, read, expected } = attentionCase(bench, shape, 0, 20);
    const ended = stateBytes({ position: 0, rows: 20, finished: true, generated: 0 });
    bench.gpu.device.queue.writeBuffer(buffers.state, 0, ended);
    const dispatch = await attentionPrefill(bench.pipelines, bench.gpu, shape, buffers, variant);
    await bench.run([dispatch], 20);
    expect(maxError(await read(), new Float32Array(expected.length))).toBe(0);
  });
});
