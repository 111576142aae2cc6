import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attentionDecode, type DecodeVariant } from "../../src/kernels/attention.ts";
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
  ["80 elements a head", [8, 2, 80]],
  ["96 elements, 6 heads on 2", [6, 2, 96]],
  ["256 elements a head", [4, 1, 256]],
  ["512 elements a head", [8, 1, 512]],
  ["4 elements a head", [3, 1, 4]],
  ["one KV head of 128", [8, 1, 128]],
  ["an odd number of words a head, no grouping", [2, 2, 36]],
];
/** What is out of the ordinary, keys, and the longest context: split in two or more parts where that is long. */
const unusual: [string, Heads, Options & Extras, keys: number, longest: number, ring?: number][] = [
  ["a window in a ring", odd, { window: 100 }, 1203, 2240, 8],
  ["a window in a ring, started anew at a block's first slot", odd, { window: 17 }, 1025, 2240, 2],
  ["a long window in a ring", odd, { window: 1500 }, 3333, 4096, 95],
  ["capped scores far past the cap", odd, { softcap: 5, spread: 1000 }, 300, 320],
  ["sinks, long", smollm2, { sinks: true }, 1700, 2240],
  ["sinks and a window in a ring", [16, 2, 64], { sinks: true, window: 128 }, 700, 2240, 9],
  ["a window, a cap and sinks", odd, { sinks: true, window: 60, softcap: 4 }, 333, 2240],
  ["a group of 12, long", [12, 1, 32], {}, 700, 2240],
  ["80 elements a head, long", [8, 2, 80], {}, 900, 2240],
  ["256 elements a head, long", [4, 1, 256], {}, 900, 2240],
  ["512 elements a head, long", [4, 2, 512], {}, 900, 2240],
  ["a window not yet full", odd, { window: 100 }, 50, 320],
  ["a window just full", odd, { window: 100 }, 100, 320],
  ["a window of one key", odd, { window: 1 }, 41, 320],
  ["a window at the end of a long context", smollm2, { window: 131 }, 2100, 2240],
  ["a long window, not yet full", odd, { window: 1500 }, 1100, 4096],
  ["capped scores", smollm2, { softcap: 3 }, 77, 320],
  ["capped scores, long", odd, { softcap: 30, spread: 20 }, 1700, 2240],
  ["sinks", smollm2, { sinks: true }, 19, 320],
  ["sinks and one key", smollm2, { sinks: true }, 1, 320],
  ["sinks and a long window in a ring", [5, 5, 20], { sinks: true, window: 1100 }, 1700, 2240, 70],
];
/** Heads of 20 elements, made a multiple of 16 bytes in f16: others have no kernel by subgroups. */
const inWords = ([heads, kvHeads, headDim]: Heads): Heads => [heads, kvHeads, Math.ceil(headDim / 8) * 8];
const variants: { variant: DecodeVariant; more: typeof shapes; special: typeof unusual }[] = [
  { variant: "tiled", more: [...shapes, ["a group of 12", [12, 1, 32]]], special: unusual },
  {
    variant: "subgroups",
    more: [...shapes, ["a group of 12", [12, 1, 32]]],
    special: unusual.map(([what, heads, ...rest]) => [what, inWords(heads), ...rest]),
  },
  { variant: "software", more: shapes.slice(1), special: unusual.slice(0, 7) }, // slow to compile on lavapipe
];

describe.each(ownVariants(variants))("attention-decode, $variant", ({ variant, more, special }) => {
  let bench: KernelBench;
  let limit: number;
  beforeAll(async () => {
    bench = await kernelBench();
    limit = bench.gpu.f16 ? 2e-3 : 1e-5;
  });
  afterAll(() => bench.close());

  const errorAt = async (
    heads: Heads,
    keys: number,
    longest: number,
    { sinks, spread, ...options }: Options & Extras = {},
    kvBlocks = Math.ceil(longest / 16),
  ): Promise<number> => {
    const shape = shapeOf(heads, kvBlocks, options);
    const { buffers, expected, read } = attentionCase(bench, shape, keys - 1, 1, { sinks, spread });
    const dispatches = await attentionDecode(bench.pipelines, bench.gpu, shape, buffers, {
      longest,
      variant,
    });
    expect(dispatches.length).toBeLessThanOrEqual(2);
    await bench.run(dispatches);
    return maxError(await read(), expected);
  };

  test.each([1, 2, 15, 16, 17, 63, 64, 65, 129, 255, 256, 512])(
    "equals the reference at %i keys, short",
    async keys => {
      expect(await errorAt(smollm2, keys, 512)).toBeLessThan(limit);
    },
  );

  test.each([1, 64, 65, 511, 600, 2100, 2240])("equals the reference at %i keys, long", async keys => {
    expect(await errorAt(smollm2, keys, 2240)).toBeLessThan(limit);
  });

  test.each(more)("equals the reference with %s", async (_, heads) => {
    expect(await errorAt(heads, 300, 320)).toBeLessThan(limit);
  });

  test.each(special)("equals the reference with %s", async (_, heads, options, keys, longest, ring) => {
    expect(await errorAt(heads, keys, longest, options, ring)).toBeLessThan(limit);
  });

  test("equals the reference at random sizes", async () => {
    const random = randomSource(5);
    const upTo = (count: number): number => 1 + Math.floor(random() * count);
    for (let run = 0; run < (variant === "software" ? 3 : 6); run++) {
      const kvHeads = upTo(3);
      const any: Heads = [kvHeads * upTo(9), kvHeads, 4 * upTo(32)];
      const heads = variant === "subgroups" ? inWords(any) : any;
      const longest = upTo(2500);
      const window = run % 2 === 0 ? upTo(400) : undefined;
      const options = { window, sinks: run % 3 === 0, softcap: run % 3 === 1 ? 2 : undefined };
      const keys = upTo(longest);
      expect(await errorAt(heads, keys, longest, options), `${heads} at ${keys}`).toBeLessThan(limit);
    }
  });

  test("refuses to see what comes later", async () => {
    const shape = shapeOf(odd, 4, { causal: false });
    const { buffers } = attentionCase(bench, shape, 3, 1);
    await expect(
      attentionDecode(bench.pipelines, bench.gpu, shape, buffers, { longest: 64, variant }),
    ).rejects.toThrow(RangeError);
  });

  test("leaves the output alone once the sequence is finished", async () => {
    const shape = shapeOf(smollm2, 64);
    const { buffers, read, expected } = attentionCase(bench, shape, 40, 1);
    const ended = stateBytes({ position: 39, rows: 1, finished: true, generated: 0 });
    bench.gpu.device.queue.writeBuffer(buffers.state, 0, ended);
    const dispatches = await attentionDecode(bench.pipelines, bench.gpu, shape, buffers, {
      longest: 512,
      variant,
    });
    await bench.run(dispatches);
    expect(maxError(await read(), new Float32Array(expected.length))).toBe(0);
  });
});
