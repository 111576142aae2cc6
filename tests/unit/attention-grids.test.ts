// The thread grids of decode by subgroups keep the limits that attention-decode-subgroups.wgsl states.
import { describe, expect, test } from "vitest";
import { subgroupGrid } from "../../src/kernels/attention-grids.ts";

const MAX_TILE = 8;
const MAX_UNITS = 8;
const QUERY_ELEMENTS = 64;
const BLOCK = 16;
const WORKGROUP_BYTES = 16384;

describe("subgroupGrid", () => {
  const cases = [4, 8, 16, 32].flatMap(width =>
    [2, 4].flatMap(realBytes => [1, 16].map(tilesAtLeast => ({ width, realBytes, tilesAtLeast }))),
  );

  test.each(cases)(
    "keeps the shader's limits: $width lanes, $realBytes bytes, from $tilesAtLeast tiles",
    ({ width, realBytes, tilesAtLeast }) => {
      for (const group of [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 71]) {
        for (const headDim of [8, 16, 64, 72, 80, 96, 112, 128, 192, 256, 512]) {
          const grid = subgroupGrid(
            { heads: 2 * group, kvHeads: 2, headDim },
            realBytes,
            width,
            tilesAtLeast,
          );
          if (!grid) {
            expect(width * MAX_UNITS * 4).toBeLessThan(headDim); // only heads that do not fit are refused
            continue;
          }
          const { threads, lanes, wordsPerLane, tile, tiles, fold } = grid;
          const elements = 16 / realBytes;
          expect(wordsPerLane * lanes * elements).toBeGreaterThanOrEqual(headDim);
          const units = wordsPerLane * (elements / 4);
          const what = JSON.stringify({ group, headDim, ...grid });
          expect(units, what).toBeLessThanOrEqual(MAX_UNITS);
          expect(units * 4 * tile, what).toBeLessThanOrEqual(QUERY_ELEMENTS);
          expect(tile, what).toBeLessThanOrEqual(MAX_TILE);
          expect(tile * tiles, what).toBeGreaterThanOrEqual(group);
          expect(tile * (tiles - 1), what).toBeLessThan(group);
          expect(tiles, what).toBeGreaterThanOrEqual(Math.min(group, tilesAtLeast) / 2);
          expect(threads, what).toBeLessThanOrEqual(256);
          expect(threads % width, what).toBe(0);
          expect(Number.isInteger(Math.log2(lanes)) && width % lanes === 0, what).toBe(true);
          expect(width / lanes, what).toBeLessThanOrEqual(BLOCK);
          expect(fold, what).toBeGreaterThanOrEqual(1);
          expect(fold * (threads / width) * (headDim * 4 + 8), what).toBeLessThanOrEqual(WORKGROUP_BYTES);
        }
      }
    },
  );

  test("refuses heads that are no multiple of 16 bytes", () => {
    expect(subgroupGrid({ heads: 4, kvHeads: 1, headDim: 20 }, 2, 32, 1)).toBeUndefined();
    expect(subgroupGrid({ heads: 4, kvHeads: 1, headDim: 20 }, 4, 32, 1)).toBeDefined();
  });
});
