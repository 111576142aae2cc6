import { describe, expect, test } from "vitest";
import type { Buffers } from "../../src/gpu/buffers.ts";
import {
  type CachePlace,
  KV_BLOCK,
  KvCache,
  type KvShape,
  kvBlocks,
  type LayerCache,
  layerBlocks,
  layerBytes,
} from "../../src/model/kv-cache.ts";

const layer = (index: number, window?: number): LayerCache => ({
  layer: index,
  kvHeads: 2,
  headDim: 8,
  window,
});
const shapeOf = (positions: number, batchRows = 16): KvShape => ({ elementBytes: 2, positions, batchRows });

/** A cache whose block tables are readable: what the queue wrote there. */
function open(
  positions: number,
  layers: readonly LayerCache[] = [0, 1, 2].map(index => layer(index)),
  batchRows = 16,
) {
  const sizes: number[] = [];
  const tables = new Map<GPUBuffer, number[]>();
  const buffers = {
    storage: (_: string, size: number) => {
      sizes.push(size);
      const buffer = { size } as GPUBuffer;
      tables.set(buffer, []);
      return buffer;
    },
  } as unknown as Buffers;
  const queue = {
    writeBuffer: (buffer: GPUBuffer, offset: number, data: Uint32Array) =>
      void tables.get(buffer)!.splice(offset / 4, data.length, ...data),
  } as unknown as GPUQueue;
  const kv = new KvCache(buffers, queue, layers, shapeOf(positions, batchRows));
  const tableOf = ({ blockTable }: CachePlace): number[] => tables.get(blockTable)!;
  return { kv, sizes, layers, tableOf, table: tableOf(kv.place(layers[0]!)) };
}

describe("KvCache", () => {
  test("takes whole blocks: 16 positions of keys and values each", () => {
    expect([0, 1, 16, 17].map(kvBlocks)).toEqual([0, 1, 1, 2]);
    expect(layerBytes(layer(0), shapeOf(17))).toBe(2 * 32 * 2 * 8 * 2);
    const { kv, sizes, layers } = open(40);
    expect(kv.blocks).toBe(3);
    expect([...sizes].sort((a, b) => a - b)).toEqual([12, 3072, 3072, 3072]);
    const places = layers.map(each => kv.place(each));
    expect(new Set(places.map(place => place.buffer)).size).toBe(3);
    expect(new Set(places.map(place => place.blockTable)).size).toBe(1);
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

describe("layers with a window", () => {
  test("hold the window and the batch being written, and no more however long the sequence is", () => {
    const bytes = [64, 256, 4096, 131_072].map(positions => layerBytes(layer(0, 64), shapeOf(positions, 32)));
    // 64 + 32 positions in blocks of 16, and one more, since neither need begin at a block's start
    expect(bytes).toEqual([4, 7, 7, 7].map(blocks => 2 * blocks * 16 * 2 * 8 * 2));
    expect(layerBlocks(layer(0), shapeOf(4096, 32))).toBe(256);
  });

  test("never write over a position that the batch still sees", () => {
    for (const window of [1, 15, 16, 17, 33, 64]) {
      for (const batch of [1, 16, 31, 32]) {
        const blocks = layerBlocks(layer(0, window), shapeOf(100_000, batch));
        for (let position = 200; position < 232; position++) {
          const oldest = Math.floor((position - window + 1) / KV_BLOCK);
          const newest = Math.floor((position + batch - 1) / KV_BLOCK);
          expect(newest - oldest, `window ${window}, ${batch} rows at ${position}`).toBeLessThan(blocks);
        }
      }
    }
  });

  test("lead logical blocks round a ring, from the start and for good; others share the growing table", () => {
    const layers = [layer(0), layer(1, 16), layer(2, 40), layer(3, 16), layer(4)];
    const { kv, sizes, tableOf, table } = open(256, layers);
    const places = layers.map(each => kv.place(each));
    expect(places.map(place => place.blocks)).toEqual([16, 3, 5, 3, 16]);
    const ring = Array.from({ length: 16 }, (_, block) => block % 3);
    expect(tableOf(places[1]!)).toEqual(ring);
    expect(tableOf(places[2]!)).toEqual(Array.from({ length: 16 }, (_, block) => block % 5));
    expect(places[3]!.blockTable).toBe(places[1]!.blockTable);
    expect(places[3]!.buffer).not.toBe(places[1]!.buffer);
    expect(places[4]!.blockTable).toBe(places[0]!.blockTable);
    expect(sizes.filter(size => size === 64)).toHaveLength(3);
    const sequence = kv.open();
    kv.reserve(sequence, 100);
    expect(table).toEqual(sequence.blocks);
    kv.close(sequence);
    expect(tableOf(places[1]!)).toEqual(ring);
  });

  test("that are as long as the sequence take no more than others, and share their table", () => {
    const layers = [layer(0), layer(1, 1000)];
    const { kv } = open(64, layers);
    expect(kv.place(layers[1]!).blocks).toBe(4);
    expect(kv.place(layers[1]!).blockTable).toBe(kv.place(layers[0]!).blockTable);
  });
});
