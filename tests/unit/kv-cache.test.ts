import { describe, expect, test } from "vitest";
import type { Buffers } from "../../src/gpu/buffers.ts";
import { KvCache, kvBlocks, kvLayerBytes } from "../../src/model/kv-cache.ts";

/** A cache whose block table is readable: what the queue wrote there. */
function open(positions: number) {
  const sizes: number[] = [];
  const table: number[] = [];
  const buffers = {
    storage: (_: string, bytes: number) => ({ size: sizes.push(bytes) }),
  } as unknown as Buffers;
  const queue = {
    writeBuffer: (_: GPUBuffer, offset: number, data: Uint32Array) =>
      void table.splice(offset / 4, data.length, ...data),
  } as unknown as GPUQueue;
  const kv = new KvCache(buffers, queue, { layers: 3, kvHeads: 2, headDim: 8, elementBytes: 2, positions });
  return { kv, sizes, table };
}

describe("KvCache", () => {
  test("takes whole blocks: 16 positions of keys and values each", () => {
    expect([0, 1, 16, 17].map(kvBlocks)).toEqual([0, 1, 1, 2]);
    expect(kvLayerBytes({ layers: 9, kvHeads: 2, headDim: 8, elementBytes: 2, positions: 17 })).toBe(
      2 * 32 * 2 * 8 * 2,
    );
    const { kv, sizes } = open(40);
    expect(kv.blocks).toBe(3);
    expect(sizes).toEqual([3072, 3072, 3072, 12]);
  });

  test("gives a growing sequence a block at a time and writes each into the table once", () => {
    const { kv, table } = open(64);
    const sequence = kv.open();
    kv.reserve(sequence, 1);
    kv.reserve(sequence, 16);
    expect(kv.freeBlocks).toBe(3);
    kv.reserve(sequence, 33);
    expect(kv.freeBlocks).toBe(1);
    expect(table).toEqual(sequence.blocks);
    expect(new Set(sequence.blocks).size).toBe(3);
  });

  test("refuses what does not fit, and closing gives everything back, twice without harm", () => {
    const { kv } = open(32);
    const sequence = kv.open();
    expect(() => kv.reserve(sequence, 33)).toThrow(RangeError);
    kv.close(sequence);
    kv.close(sequence);
    expect(kv.freeBlocks).toBe(2);
  });

  test("never hands a block to two sequences", () => {
    const { kv } = open(160);
    const a = kv.open();
    const b = kv.open();
    for (let step = 1; step <= 5; step++) {
      kv.reserve(a, step * 16);
      kv.reserve(b, step * 16);
    }
    expect(new Set([...a.blocks, ...b.blocks]).size).toBe(10);
    expect(kv.freeBlocks).toBe(0);
  });
});
