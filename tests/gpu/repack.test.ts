import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBuffer } from "../../src/gpu/readback.ts";
import {
  createRepacker,
  type Halves,
  pairedRow,
  type RepackWindow,
  repackWorkgroups,
} from "../../src/kernels/repack.ts";
import { WEIGHT_TYPES, type WeightType, weightLayout } from "../../src/kernels/weights.ts";
import { repackReference } from "../reference/repack.ts";
import { type KernelBench, kernelBench, randomSource } from "./support.ts";
import { columnsOf, dumpWeight, emptyWeight, randomMatrix } from "./weight-support.ts";

describe("repack", () => {
  let bench: KernelBench;
  beforeAll(async () => {
    bench = await kernelBench();
  });
  afterAll(() => bench.close());

  /** Several tensors below each other in one weight, each sent in windows of at most `windowRows` rows. */
  async function repack(
    type: WeightType,
    columns: number,
    tensors: Uint8Array<ArrayBuffer>[],
    windowRows: number,
  ) {
    const { rowBytes } = weightLayout(type, 4, columns);
    const rows = tensors.reduce((sum, bytes) => sum + bytes.length / rowBytes, 0);
    const weight = emptyWeight(bench, type, rows, columns);
    const repacker = await createRepacker(bench.gpu, bench.pipelines, type);
    const encoder = bench.gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let row = 0;
    for (const bytes of tensors) {
      const skew = 6; // a window may begin anywhere in the staging buffer, as long as it is even
      const padded = new Uint8Array(skew + bytes.length);
      padded.set(bytes, skew);
      const raw = bench.upload("raw", padded);
      for (let first = 0; first < bytes.length / rowBytes; first += windowRows) {
        const count = Math.min(windowRows, bytes.length / rowBytes - first);
        const rawOffset = skew + first * rowBytes;
        repacker.encode(pass, { ...weight, raw, rawOffset, firstGroup: (row + first) / 4, rows: count });
      }
      row += bytes.length / rowBytes;
    }
    pass.end();
    bench.gpu.device.queue.submit([encoder.finish()]);
    repacker.release();
    const { wordsBytes, scalesBytes } = weightLayout(type, rows, columns);
    const words = new Uint32Array(await readBuffer(bench.gpu, weight.words, wordsBytes));
    const scales = weight.scales
      ? new Uint32Array(await readBuffer(bench.gpu, weight.scales, scalesBytes))
      : null;
    return { rows, words, scales };
  }

  describe.each(WEIGHT_TYPES)("%s", type => {
    test.each([
      [[1], 32, 4],
      [[8, 4, 7], 96, 4],
      [[24, 10], 576, 16],
    ])(
      "tensors of %j rows of at least %i columns, in windows of %i rows, come out whole",
      async (heights, least, window) => {
        const columns = columnsOf(type, least);
        const random = randomSource(columns);
        const tensors = heights.map(rows => randomMatrix(random, type, rows, columns));
        const { rows, words, scales } = await repack(type, columns, tensors, window);
        const all = new Uint8Array(tensors.flatMap(bytes => [...bytes]));
        const expected = repackReference(type, all, rows, columns);
        expect(words).toEqual(expected.words);
        expect(scales).toEqual(expected.scales);
      },
    );
  });

  test("columns need not fill whole blocks of 32 where the type has no blocks", async () => {
    const bytes = randomMatrix(randomSource(1), "BF16", 5, 40);
    const { words } = await repack("BF16", 40, [bytes], 4);
    expect(words).toEqual(repackReference("BF16", bytes, 5, 40).words);
  });

  /** Rows of `columns` bytes-wise distinct numbers, and a way to say which of them stands where. */
  const rowsOf = (count: number, columns: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count * columns }, (_, i) => Math.floor(i / columns) + (i % columns) / 1024);

  /** Encodes windows of one F32 tensor into a weight of `rows` rows; gives the number that stands first in each row. */
  async function placed(
    rows: number,
    tensor: Float32Array<ArrayBuffer>,
    windows: (Partial<RepackWindow> & { from: number; rows: number })[],
  ): Promise<number[]> {
    const columns = 16;
    const weight = emptyWeight(bench, "F32", rows, columns);
    const repacker = await createRepacker(bench.gpu, bench.pipelines, "F32");
    const encoder = bench.gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const raw = bench.upload("raw", tensor);
    for (const { from, ...window } of windows) {
      const rawOffset = from * columns * 4;
      repacker.encode(pass, { ...weight, raw, rawOffset, firstGroup: 0, columns, ...window });
    }
    pass.end();
    bench.gpu.device.queue.submit([encoder.finish()]);
    repacker.release();
    const values = await dumpWeight(bench, weight);
    // what one row holds belongs together
    for (let row = 0; row < rows; row++) {
      const first = values[row * columns]!;
      for (let i = 0; i < columns && first !== 0; i++)
        expect(values[row * columns + i]).toBe(first + i / 1024);
    }
    return Array.from({ length: rows }, (_, row) => values[row * columns]!);
  }

  /** Row of a tensor that rotates (i, i + rotated / 2) and comes to `row` when these are to be neighbours. */
  function halvesReference(row: number, { head, rotated, rows }: Halves): number {
    if (row >= rows) return row;
    const order: number[] = [];
    for (let i = 0; i < rotated / 2; i++) order.push(i, i + rotated / 2);
    for (let i = rotated; i < head; i++) order.push(i);
    return Math.floor(row / head) * head + order[row % head]!;
  }

  test.each<[string, Halves, rows: number, windowRows: number]>([
    ["whole heads", { head: 16, rotated: 16, rows: 48 }, 48, 48],
    ["partial rotation", { head: 20, rotated: 12, rows: 60 }, 60, 60],
    [
      "fused queries, keys and values, of which only the first rows",
      { head: 12, rotated: 8, rows: 36 },
      60,
      60,
    ],
    ["windows of some heads", { head: 12, rotated: 8, rows: 36 }, 60, 24],
    ["windows of one head", { head: 20, rotated: 20, rows: 60 }, 80, 20],
    ["no rotation", { head: 12, rotated: 0, rows: 36 }, 36, 24],
  ])("%s: rows that are rotated in halves become neighbours", async (_name, halves, rows, windowRows) => {
    const tensor = rowsOf(rows, 16);
    const windows = Array.from({ length: Math.ceil(rows / windowRows) }, (_, i) => ({
      from: i * windowRows,
      firstRow: i * windowRows,
      rows: Math.min(windowRows, rows - i * windowRows),
      halves,
    }));
    const expected = Array.from({ length: rows }, (_, row) => halvesReference(row, halves));
    expect(await placed(rows, tensor, windows)).toEqual(expected);
    // what the CPU does with biases and scales is the same
    expect(expected.map((_, row) => pairedRow(row, halves))).toEqual(expected);
  });

  test("halves are brought together in blocks of codes and scales too", async () => {
    const halves = { head: 12, rotated: 8, rows: 24 };
    const [rows, columns] = [36, 256];
    for (const type of ["Q4_0", "Q6_K"] as const) {
      const { rowBytes } = weightLayout(type, rows, columns);
      const bytes = randomMatrix(randomSource(6), type, rows, columns);
      const ordered = new Uint8Array(bytes.length);
      for (let row = 0; row < rows; row++) {
        const from = halvesReference(row, halves) * rowBytes;
        ordered.set(bytes.subarray(from, from + rowBytes), row * rowBytes);
      }
      const weight = emptyWeight(bench, type, rows, columns);
      const repacker = await createRepacker(bench.gpu, bench.pipelines, type);
      const encoder = bench.gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const [firstRow, count] of [
        [0, 12],
        [12, 24],
      ] as const) {
        const raw = bench.upload("raw", bytes.slice(firstRow * rowBytes, (firstRow + count) * rowBytes));
        repacker.encode(pass, { ...weight, raw, rawOffset: 0, firstGroup: 0, firstRow, rows: count, halves });
      }
      pass.end();
      bench.gpu.device.queue.submit([encoder.finish()]);
      repacker.release();
      const expected = repackReference(type, ordered, rows, columns);
      const { wordsBytes, scalesBytes } = weightLayout(type, rows, columns);
      const read = async (buffer: GPUBuffer, size: number) =>
        new Uint32Array(await readBuffer(bench.gpu, buffer, size));
      expect(await read(weight.words, wordsBytes)).toEqual(expected.words);
      expect(await read(weight.scales!, scalesBytes)).toEqual(expected.scales);
    }
  });

  test.each([
    ["in one window", 36],
    ["in windows that end inside of an expert", 20],
  ])("experts leave room for each other's rows, %s", async (_name, windowRows) => {
    // 3 experts of 12 rows of gate and 8 of up: gate, up, gate, up, gate, up
    const [gate, up] = [rowsOf(36, 16).map(value => value + 1), rowsOf(24, 16).map(value => value + 1)];
    const both = new Float32Array(gate.length + up.length);
    both.set(gate);
    both.set(up, gate.length);
    const windowsOf = (tensor: number, count: number, size: number, first: number) =>
      Array.from({ length: Math.ceil(count / windowRows) }, (_, i) => ({
        from: tensor + i * windowRows,
        firstGroup: first / 4,
        firstRow: i * windowRows,
        rows: Math.min(windowRows, count - i * windowRows),
        matrices: { rows: size, stride: 20 },
      }));
    const windows = [...windowsOf(0, 36, 12, 0), ...windowsOf(36, 24, 8, 12)];
    const expected = [0, 1, 2].flatMap(expert => [
      ...Array.from({ length: 12 }, (_, row) => 1 + expert * 12 + row),
      ...Array.from({ length: 8 }, (_, row) => 1 + expert * 8 + row),
    ]);
    expect(await placed(60, both, windows)).toEqual(expected);
  });

  test("a window that splits a head, or leaves the weight by its strides, is refused", async () => {
    const repacker = await createRepacker(bench.gpu, bench.pipelines, "F32");
    const weight = emptyWeight(bench, "F32", 24, 16);
    const raw = bench.buffers.storage("raw", 24 * 64);
    const pass = bench.gpu.device.createCommandEncoder().beginComputePass();
    const window = { ...weight, raw, rawOffset: 0, firstGroup: 0 };
    const halves = { head: 12, rotated: 8, rows: 24 };
    const encode = (more: Partial<RepackWindow>) => () => repacker.encode(pass, { ...window, ...more });
    expect(encode({ firstRow: 4, rows: 8, halves })).toThrow(/splits heads/);
    expect(encode({ rows: 12, halves: { ...halves, rotated: 7 } })).toThrow(RangeError);
    expect(encode({ rows: 12, matrices: { rows: 4, stride: 12 } })).toThrow(/outside the weight/);
    expect(encode({ rows: 8, matrices: { rows: 4, stride: 12 } })).not.toThrow();
    expect(encode({ rows: 8, matrices: { rows: 6, stride: 12 } })).toThrow(RangeError);
    pass.end();
    repacker.release();
  });

  test("a window that would not land on a group of the weight is refused", async () => {
    const repacker = await createRepacker(bench.gpu, bench.pipelines, "Q8_0");
    const weight = emptyWeight(bench, "Q8_0", 8, 32);
    const raw = bench.buffers.storage("raw", 8 * 34);
    const pass = bench.gpu.device.createCommandEncoder().beginComputePass();
    for (const firstGroup of [0.5, 1]) {
      expect(() => repacker.encode(pass, { ...weight, raw, rawOffset: 0, firstGroup })).toThrow(RangeError);
    }
  });

  test("a window past the end of its staging buffer is refused", async () => {
    const repacker = await createRepacker(bench.gpu, bench.pipelines, "Q8_0");
    const weight = emptyWeight(bench, "Q8_0", 8, 32);
    const raw = bench.buffers.storage("raw", 4 * 34);
    const pass = bench.gpu.device.createCommandEncoder().beginComputePass();
    expect(() => repacker.encode(pass, { ...weight, raw, rawOffset: 0, firstGroup: 0 })).toThrow(RangeError);
  });

  test("more threads than one dimension of workgroups holds spill into a second", () => {
    expect(repackWorkgroups(64)).toEqual([1, 1, 1]);
    expect(repackWorkgroups(64 * 65_535)).toEqual([65_535, 1, 1]);
    const [x, y] = repackWorkgroups(128_256 * 4_096);
    expect(x).toBeLessThanOrEqual(65_535);
    expect(x * y * 64).toBeGreaterThanOrEqual(128_256 * 4_096);
  });
});
