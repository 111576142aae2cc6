import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import {
  type Mamba2Buffers,
  type Mamba2Shape,
  mamba2Channels,
  mamba2Convolution,
  mamba2Decode,
  mamba2Prefill,
  mamba2Row,
  mamba2Scratch,
} from "../../src/kernels/mamba2.ts";
import { shortConv } from "../../src/kernels/short-conv.ts";
import { batchWrite, STATE_BYTES, type StateWrite, slotWrites } from "../../src/kernels/state.ts";
import { mamba2Reference } from "../reference/mamba2.ts";
import { vectorsAmongOthers } from "./product-support.ts";
import { type KernelBench, kernelBench, maxError, randomNormal, randomSource } from "./support.ts";

const shapeOf = (
  heads: number,
  groups: number,
  stateDim: number,
  headDim: number,
  taps = 4,
): Mamba2Shape => ({ heads, groups, stateDim, headDim, taps });

/** Rows of each slot's sequence in a batch of prompts; or a token of each with the decode kernel. */
type Batch = readonly number[] | "decode";
const CASES: [name: string, shape: Mamba2Shape, batches: readonly Batch[]][] = [
  ["a chunk but one, a chunk, a chunk and one", shapeOf(4, 2, 16, 32), [[63], [64], [65], [1], "decode"]],
  ["chunks that end within a batch", shapeOf(4, 2, 16, 32), [[150], [144], [6], "decode", "decode", [33]]],
  ["one token at a time", shapeOf(4, 2, 16, 32), [[1], [1], "decode", "decode", "decode", [1], "decode"]],
  [
    "sequences of many lengths side by side",
    shapeOf(4, 2, 16, 32),
    [[70, 0, 1], "decode", [5, 64, 0], "decode", [1, 129, 3], "decode"],
  ],
  ["odd numbers of heads, odd widths, few taps", shapeOf(9, 3, 20, 36, 2), [[70], "decode", [5]]],
  ["Granite 4's heads", shapeOf(3, 1, 128, 64), [[65, 2], "decode"]],
  ["Nemotron's heads", shapeOf(4, 2, 128, 80), [[66], "decode"]],
  ["wide state, narrow heads, many taps", shapeOf(2, 2, 256, 4, 7), [[3], "decode", [66], "decode"]],
  ["narrow state, wide heads", shapeOf(5, 1, 4, 256), [[66], "decode", "decode"]],
];

// compilers of software adapters take seconds a shape
describe.each([
  ["as the adapter has it", {}, CASES],
  ["as on software adapters", { software: true }, inject("long") ? CASES : CASES.slice(0, 5)],
])("mamba2, %s", (_name, facts, cases) => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
    bench = { ...bench, gpu: { ...bench.gpu, ...facts } };
  });
  afterAll(() => bench.close());

  /** Sequences in batches, and each as a whole. */
  async function run(shape: Mamba2Shape, batches: readonly Batch[], finished = false) {
    const { heads, stateDim, headDim, taps } = shape;
    const [width, stride, inner] = [mamba2Channels(shape), mamba2Row(shape), heads * headDim];
    const slots = Math.max(...batches.map(batch => (batch === "decode" ? 1 : batch.length)));
    const position = new Array<number>(slots).fill(0);
    const parts = batches.map((batch, index) => {
      const each = Array.from({ length: slots }, (_, slot) => {
        const rows = batch === "decode" ? Math.min(1, position[slot]!) : (batch[slot] ?? 0);
        const from = position[slot]!;
        position[slot]! += rows;
        return { slot, rows, from };
      }).filter(({ rows }) => rows > 0);
      // not always in the order of slots
      return index % 2 === 1 ? each.reverse() : each;
    });
    const random = randomSource(width + position[0]!);
    const x = position.map(tokens => randomNormal(random, tokens * stride));
    const weights = {
      weight: randomNormal(random, width * taps, 0.5),
      bias: randomNormal(random, width, 0.5),
      // from a head that keeps nearly all to one that forgets in a few tokens
      a: Float32Array.from({ length: heads }, () => -Math.exp(5 * random() - 4)),
      dt: randomNormal(random, heads, 3),
      d: randomNormal(random, heads),
    };
    const [weight, bias, a, dt, d] = vectorsAmongOthers(bench, Object.values(weights)) as [
      Mamba2Buffers["weight"],
      Mamba2Buffers["bias"],
      Mamba2Buffers["a"],
      Mamba2Buffers["dt"],
      Mamba2Buffers["d"],
    ];
    // nothing counts before position 0
    const poisoned = (count: number) => new Float32Array(count).fill(Number.NaN);
    const history = bench.upload("history", poisoned(slots * taps * width));
    const memory = bench.upload("memory", poisoned(slots * heads * stateDim * headDim));
    const most = Math.max(...parts.map(each => each.reduce((sum, { rows }) => sum + rows, 0)));
    const bytes = mamba2Scratch(shape, most, slots);
    const scratch = {
      rows: bench.upload("rows", poisoned(bytes.rows / 4)),
      mix: bench.upload("mix", poisoned(bytes.mix / 4)),
    };
    const results = position.map(tokens => new Float32Array(tokens * inner));
    for (const [index, each] of parts.entries()) {
      const rows = each.reduce((sum, part) => sum + part.rows, 0);
      const given = new Float32Array(rows * stride);
      const state = new Uint32Array(STATE_BYTES / 4);
      const write = ({ at, bytes }: StateWrite): void => state.set(new Uint32Array(bytes), at / 4);
      write(batchWrite(each.map(part => ({ ...part, draws: true }))));
      let row = 0;
      for (const { slot, rows: count, from } of each) {
        given.set(x[slot]!.subarray(from * stride, (from + count) * stride), row * stride);
        row += count;
        slotWrites(slot, { position: from, finished, generated: 0 }).forEach(write);
      }
      const y = bench.upload("y", new Float32Array(rows * inner).fill(7));
      const places = { x: bench.upload("x", given), history, memory, y };
      const buffers = {
        ...places,
        weight,
        bias,
        a,
        dt,
        d,
        state: bench.state(new Uint32Array(state.buffer)),
      };
      const { pipelines, gpu } = bench;
      const dispatches =
        batches[index] === "decode"
          ? [await mamba2Decode(pipelines, gpu, shape, buffers)]
          : await Promise.all([
              shortConv(pipelines, gpu, mamba2Convolution(shape), { ...buffers, y: scratch.rows }),
              mamba2Prefill(pipelines, gpu, shape, buffers, scratch),
            ]);
      await bench.run(dispatches.flat(), rows, each.length);
      const made = await bench.readF32(y, rows * inner);
      row = 0;
      for (const { slot, rows: count, from } of each) {
        results[slot]!.set(made.subarray(row * inner, (row + count) * inner), from * inner);
        row += count;
      }
    }
    const size = heads * stateDim * headDim;
    const memories = await bench.readF32(memory, slots * size);
    return position.map((_, slot) => ({
      actual: results[slot]!,
      memory: memories.subarray(slot * size, (slot + 1) * size),
      expected: mamba2Reference(shape, weights, x[slot]!, stride),
    }));
  }

  test.each(cases)("%s: %j in batches of %j equals the whole sequences", async (_, shape, batches) => {
    for (const { actual, memory, expected } of await run(shape, batches)) {
      const scale = (values: Float64Array): number =>
        values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      expect(maxError(memory, expected.memory)).toBeLessThan(1e-5 * scale(expected.memory));
      expect(maxError(actual, expected.y)).toBeLessThan(1e-5 * scale(expected.y));
    }
  });

  test("a finished sequence changes nothing", async () => {
    const runs = await run(shapeOf(3, 1, 20, 36), [[5], "decode"], true);
    expect(runs).toHaveLength(1);
    for (const { actual, memory } of runs) {
      expect(actual.every(value => value === 7)).toBe(true);
      expect(memory.every(Number.isNaN)).toBe(true);
    }
  });
});
