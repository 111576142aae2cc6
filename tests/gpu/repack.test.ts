import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBuffer } from "../../src/gpu/readback.ts";
import { createRepacker, repackWorkgroups } from "../../src/kernels/repack.ts";
import { WEIGHT_TYPES, type WeightType, weightLayout } from "../../src/kernels/weights.ts";
import { repackReference } from "../reference/repack.ts";
import { type KernelBench, kernelBench, randomSource } from "./support.ts";
import { columnsOf, emptyWeight, randomMatrix } from "./weight-support.ts";

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
