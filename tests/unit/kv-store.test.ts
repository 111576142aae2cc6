import { describe, expect, test } from "vitest";
import type { Buffers } from "../../src/gpu/buffers.ts";
import {
  firstSeen,
  KV_PAGE,
  type KvShape,
  type LayerCache,
  layerBytes,
  layerPages,
  pagesFor,
} from "../../src/model/kv/layout.ts";
import { Pages } from "../../src/model/kv/pages.ts";
import type { LayerState } from "../../src/model/kv/states.ts";
import { type CachePlace, type KvSequence, KvStore } from "../../src/model/kv/store.ts";
import { randomInts } from "./support/random.ts";

const layer = (index: number, window?: number): LayerCache => ({
  layer: index,
  kvHeads: 2,
  headDim: 8,
  window,
});
const shapeOf = (positions: number, batchRows = 16): KvShape => ({
  elementBytes: 2,
  positions,
  batchRows,
  slots: 8,
});

/** A store whose page tables are readable: what the queue wrote there, and copies as they were asked for. */
function open(
  positions: number,
  layers: readonly LayerCache[] = [layer(0), layer(1), layer(2)],
  { batchRows = 16, states = [] as LayerState[] } = {},
) {
  const sizes: number[] = [];
  const tables = new Map<GPUBuffer, number[]>();
  const copies: string[] = [];
  const buffers = {
    storage: (label: string, size: number) => {
      sizes.push(size);
      const buffer = { size, label } as GPUBuffer;
      tables.set(buffer, []);
      return buffer;
    },
  } as unknown as Buffers;
  const device = {
    queue: {
      writeBuffer: (buffer: GPUBuffer, offset: number, data: Uint32Array) =>
        void tables.get(buffer)!.splice(offset / 4, data.length, ...data),
      submit: () => {},
    },
    createCommandEncoder: () => ({
      copyBufferToBuffer: (from: GPUBuffer, at: number, to: GPUBuffer, toAt: number, bytes: number) =>
        void copies.push(`${from.label}@${at} to ${to.label}@${toAt}: ${bytes}`),
      finish: () => {},
    }),
  } as unknown as GPUDevice;
  const kv = new KvStore(buffers, device, { caches: layers, states }, shapeOf(positions, batchRows));
  const tableOf = ({ pageTable }: CachePlace): number[] => tables.get(pageTable)!;
  return { kv, sizes, layers, copies, tableOf, table: tableOf(kv.place(layers[0]!)), all: kv.unheld };
}

/** Computes a prompt and an answer, as the engine does. */
function run(kv: KvStore, ids: readonly number[], chunk = 16): { sequence: KvSequence; cached: number } {
  const { sequence, cached } = kv.open(ids);
  for (let at = cached; at < ids.length; at += chunk) {
    const part = ids.slice(at, at + chunk);
    kv.reserve(sequence, at + part.length);
    kv.checkpoint(sequence, at + part.length);
    kv.advance(sequence, part);
  }
  return { sequence, cached };
}
const count = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i);

describe("pages", () => {
  test("are given once, counted by their holders, and free again when the last lets go", () => {
    const pages = new Pages(2);
    const [a, b] = [pages.take()!, pages.take()!];
    expect(new Set([a, b])).toEqual(new Set([0, 1]));
    expect(pages.take()).toBeUndefined();
    pages.hold(a);
    pages.letGo(a);
    expect([pages.free, pages.holders(a)]).toEqual([0, 1]);
    pages.letGo(a);
    expect([pages.free, pages.holders(a)]).toEqual([1, 0]);
    expect(() => pages.letGo(a)).toThrow(RangeError);
    expect(() => pages.hold(a)).toThrow(RangeError);
    expect(pages.take()).toBe(a);
  });
});

describe("sizes", () => {
  test("are whole pages: 16 positions of keys and values each", () => {
    expect([0, 1, 16, 17].map(pagesFor)).toEqual([0, 1, 1, 2]);
    expect(layerBytes(layer(0), shapeOf(17))).toBe(2 * 32 * 2 * 8 * 2);
    const { kv, sizes, layers } = open(40);
    expect(kv.pages).toBe(3);
    expect([...sizes].sort((a, b) => a - b)).toEqual([8 * 12, 3072, 3072, 3072]);
    const places = layers.map(each => kv.place(each));
    expect(new Set(places.map(place => place.buffer)).size).toBe(3);
    expect(new Set(places.map(place => place.pageTable)).size).toBe(1);
  });

  test("of a window are the window while a batch is written and the window once more, however long the sequence is", () => {
    const pages = [64, 256, 4096, 131_072].map(positions => layerPages(layer(0, 64), shapeOf(positions, 32)));
    // 64 + 32 positions and one page, since neither need begin at a page's start; then 64 and one page
    expect(pages).toEqual([4, 12, 12, 12]);
    expect(layerPages(layer(0), shapeOf(4096, 32))).toBe(256);
  });
});

describe("a sequence", () => {
  test("takes a page at a time and writes each into the table once", () => {
    const { kv, table, all } = open(64);
    const { sequence } = kv.open();
    kv.reserve(sequence, 1);
    kv.reserve(sequence, 16);
    expect(all - kv.unheld).toBe(1);
    kv.reserve(sequence, 33);
    expect(all - kv.unheld).toBe(3);
    expect(table).toEqual(sequence.pages[0]);
    expect(new Set(sequence.pages[0]).size).toBe(3);
  });

  test("is refused what does not fit, and closing gives everything back, twice without harm", () => {
    const { kv, all } = open(32);
    const { sequence } = kv.open();
    expect(kv.reserve(sequence, 33)).toBe(false);
    kv.close(sequence);
    kv.close(sequence);
    expect(kv.unheld).toBe(all);
  });

  test("never shares a page that it may write with another", () => {
    const { kv } = open(160);
    const [{ sequence: a }, { sequence: b }] = [kv.open(), kv.open()];
    for (let step = 1; step <= 5; step++) {
      kv.reserve(a, step * 16);
      kv.reserve(b, step * 16);
    }
    expect(new Set([...a.pages[0]!, ...b.pages[0]!]).size).toBe(10);
    expect(kv.reserve(a, 81)).toBe(false);
  });
});

describe("prefixes", () => {
  test("that a sequence left are taken over in whole pages, the last token excepted", () => {
    const { kv, table } = open(256);
    const ids = count(0, 70);
    const first = run(kv, ids);
    const pages = [...first.sequence.pages[0]!];
    kv.close(first.sequence);
    expect(run(kv, ids).cached).toBe(64);
    expect(kv.open(ids.slice(0, 65)).cached).toBe(64);
    expect(kv.open(ids.slice(0, 64)).cached).toBe(48);
    expect(kv.open([...ids.slice(0, 40), 999, ...ids.slice(41)]).cached).toBe(32);
    expect(kv.open([999, ...ids]).cached).toBe(0);
    expect(table.slice(0, 2)).toEqual(pages.slice(0, 2));
  });

  test("are shared by sequences that run, and kept for none that asks for none", () => {
    const { kv, all } = open(256);
    const ids = count(0, 50);
    const a = run(kv, ids);
    const b = run(kv, ids);
    expect([a.cached, b.cached]).toEqual([0, 48]);
    expect(all - kv.unheld).toBe(4 + 1);
    const c = kv.open();
    kv.reserve(c.sequence, 50);
    kv.advance(c.sequence, count(500, 50));
    kv.close(c.sequence);
    expect(kv.open(count(500, 50)).cached).toBe(0);
    for (const { sequence } of [a, b]) kv.close(sequence);
    expect(kv.unheld).toBe(all);
  });

  test("make room for what runs, the least recently used first and from their ends on", () => {
    const { kv } = open(160); // 10 pages
    const [x, y] = [count(0, 65), count(1000, 65)];
    kv.close(run(kv, x).sequence);
    kv.close(run(kv, y).sequence);
    kv.close(run(kv, x).sequence); // used again: y goes first
    const z = run(kv, count(2000, 48)).sequence; // 2 pages were free
    expect(kv.open(x).cached).toBe(64);
    expect(kv.open(y).cached).toBe(48);
    kv.close(z);
  });

  test("are forgotten when asked, but for what runs", () => {
    const { kv } = open(256);
    kv.close(run(kv, count(0, 40)).sequence);
    const running = run(kv, count(100, 40));
    kv.forget();
    expect(kv.open(count(0, 40)).cached).toBe(0);
    expect(kv.open(count(100, 40)).cached).toBe(32);
    kv.close(running.sequence);
  });
});

describe("layers with a window", () => {
  test("keep what the window sees of a running sequence, and all of its pages are written before they are seen", () => {
    for (const window of [1, 15, 16, 17, 33, 64]) {
      for (const batch of [1, 16, 31, 32]) {
        const { kv, layers, tableOf } = open(1024, [layer(0), layer(1, window)], { batchRows: batch });
        const { sequence } = kv.open(count(0, 1000));
        const table = tableOf(kv.place(layers[1]!));
        const written = new Map<number, number>(); // physical page: logical
        for (let at = 0; at < 1000; at += batch) {
          const end = Math.min(1000, at + batch);
          kv.reserve(sequence, end);
          for (let p = at; p < end; p++)
            written.set(table[Math.floor(p / KV_PAGE)]!, Math.floor(p / KV_PAGE));
          for (let p = firstSeen(at, window); p < end; p++)
            expect(written.get(table[Math.floor(p / KV_PAGE)]!), `window ${window}, batch ${batch}`).toBe(
              Math.floor(p / KV_PAGE),
            );
          kv.advance(sequence, count(at, end - at));
        }
      }
    }
  });

  test("can be gone on from where a sequence ended, after another one ran; not from where the window is gone", () => {
    const { kv } = open(4096, [layer(0), layer(1, 64)], { batchRows: 32 });
    const ids = count(0, 1000);
    kv.close(run(kv, ids, 32).sequence);
    expect(kv.open(ids).cached).toBe(992);
    kv.close(run(kv, count(5000, 33), 32).sequence);
    expect(kv.open([...ids, 1, 2]).cached).toBe(992);
    expect(kv.open([...ids.slice(0, 400), 7, 7]).cached).toBe(0);
  });

  test("alone keep an index that does not grow without end", () => {
    const { kv, all } = open(4096, [layer(0, 64)], { batchRows: 32 });
    for (let n = 0; n < 20; n++) kv.close(run(kv, count(n * 10_000, 500), 32).sequence);
    expect(kv.unheld).toBe(all);
    expect(kv.prefixes).toBeLessThan(2 * 32); // pages of tokens: two sequences at most, not twenty
  });

  test("that are as long as the sequence share the table of those without", () => {
    const { kv, layers } = open(64, [layer(0), layer(1, 1000)]);
    expect(kv.place(layers[1]!).pages).toBe(4);
    expect(kv.place(layers[1]!).pageTable).toBe(kv.place(layers[0]!).pageTable);
  });
});

describe("recurrent layers", () => {
  const states: LayerState[] = [
    { layer: 3, kind: "convolution", bytes: 48 },
    { layer: 5, kind: "convolution", bytes: 16 },
  ];

  test("are gone on from at checkpoints alone, which are restored", () => {
    const { kv, copies } = open(512, [layer(0)], { states });
    const ids = count(0, 100);
    const { sequence } = kv.open(ids);
    kv.reserve(sequence, 100);
    for (const [from, to] of [
      [0, 32],
      [32, 80],
    ] as const) {
      kv.checkpoint(sequence, to);
      kv.advance(sequence, ids.slice(from, to));
    }
    kv.checkpoint(sequence, 90); // no whole page: nothing can begin there
    kv.advance(sequence, ids.slice(80));
    kv.close(sequence);
    expect(copies).toHaveLength(4);
    copies.length = 0;
    expect(kv.open(ids).cached).toBe(80);
    expect(copies).toEqual([
      "checkpoints, convolution of layer 3@48 to convolution of layer 3@0: 48",
      "checkpoints, convolution of layer 5@16 to convolution of layer 5@0: 16",
    ]);
    expect(kv.open(ids.slice(0, 79)).cached).toBe(32);
    expect([kv.untilCheckpoint(80), kv.untilCheckpoint(95), kv.chunkEnd(0, 512, 100)]).toEqual([16, 1, 96]);
  });

  test("have chunks of prompts that end with pages, however many rows these may have, and one before the last token", () => {
    const { kv } = open(512, [layer(0)], { states });
    expect([kv.chunkEnd(0, 197, 200), kv.chunkEnd(192, 197, 200), kv.chunkEnd(0, 100, 200)]).toEqual([
      192, 200, 96,
    ]);
    for (let rows = 64; rows <= 200; rows++) {
      for (const all of [1, 16, 17, 80, 192, 200, 209]) {
        const ends: number[] = [];
        for (let at = 0; at < all; at = ends.at(-1)!) ends.push(kv.chunkEnd(at, rows, all));
        expect(ends.pop(), `${all} tokens, ${rows} rows`).toBe(all);
        expect(ends.filter(end => end % KV_PAGE !== 0)).toEqual([]);
        if (all > KV_PAGE) expect(ends.at(-1)).toBe(Math.floor((all - 1) / KV_PAGE) * KV_PAGE);
      }
    }
  });

  test("keep of an answer the last checkpoint that its tokens reached", () => {
    const { kv } = open(512, [layer(0)], { states });
    const ids = count(0, 60);
    const { sequence } = run(kv, ids.slice(0, 16));
    kv.reserve(sequence, 96);
    for (let end = 32; end <= 96; end += 16) kv.checkpoint(sequence, end, true);
    kv.advance(sequence, ids.slice(16)); // it ended before 64
    kv.close(sequence);
    expect(kv.open(ids).cached).toBe(48);
    expect(kv.open(ids.slice(0, 40)).cached).toBe(16);
    expect(kv.freeCheckpoints).toBe(kv.states.checkpoints - 2);
  });

  test("without any there is no limit and nothing is copied", () => {
    const { kv, copies } = open(512);
    expect([kv.untilCheckpoint(5), kv.chunkEnd(0, 512, 100)]).toEqual([Number.POSITIVE_INFINITY, 100]);
    kv.close(run(kv, count(0, 40)).sequence);
    expect(copies).toEqual([]);
  });
});

describe("after any order of openings, growth and ends", () => {
  const designs: [string, LayerCache[], LayerState[]][] = [
    ["full attention", [layer(0), layer(1)], []],
    ["windows beside it", [layer(0), layer(1, 40)], []],
    ["windows alone", [layer(0, 40), layer(1, 24)], []],
    ["recurrent layers", [layer(0)], [{ layer: 1, kind: "convolution", bytes: 16 }]],
    ["all kinds", [layer(0), layer(1, 40)], [{ layer: 2, kind: "convolution", bytes: 16 }]],
  ];
  test.each(designs)("no page is lost, none has two owners that write: %s", (_, layers, states) => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomInts(seed);
      const { kv, all } = open(16 * 24, layers, { batchRows: 32, states });
      const running: { sequence: KvSequence; ids: number[] }[] = [];
      for (let step = 0; step < 60; step++) {
        const choice = random(4);
        if (choice === 0 && running.length < 3) {
          // few distinct beginnings, so that prefixes meet
          const ids = [...count(random(3) * 100, 16 * random(4)), ...count(random(2) * 7, 1 + random(20))];
          running.push({ sequence: kv.open(ids).sequence, ids });
        } else if (choice === 1 && running.length > 0) {
          kv.close(running.splice(random(running.length), 1)[0]!.sequence);
        } else if (running.length > 0) {
          const { sequence, ids } = running[random(running.length)]!;
          const from = sequence.ids.length;
          const rows = Math.min(1 + random(32), 128 - from);
          if (rows <= 0) continue;
          while (ids.length < from + rows) ids.push(random(50));
          if (!kv.reserve(sequence, from + rows)) continue; // others hold the rest
          // a page that is written belongs to this sequence alone
          for (const [pool, pages] of sequence.pages.entries()) {
            const writes = pages.slice(Math.floor(from / KV_PAGE));
            expect(Math.min(0, ...writes)).toBe(0);
            for (const other of running) {
              if (other.sequence === sequence) continue;
              for (const page of other.sequence.pages[pool]!)
                if (page >= 0) expect(writes).not.toContain(page);
            }
          }
          kv.checkpoint(sequence, from + rows, random(2) === 0);
          kv.advance(sequence, ids.slice(from, from + rows));
        }
      }
      for (const { sequence } of running) kv.close(sequence);
      expect(kv.unheld).toBe(all);
      kv.forget();
      expect([kv.unheld, kv.prefixes, kv.freeCheckpoints]).toEqual([all, 0, kv.states.checkpoints]);
    }
  });
});
