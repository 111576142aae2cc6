import { expect, test } from "vitest";
import { ropeTable } from "../../src/model/rope.ts";

const plain = { ropeBase: 10_000, ropeFactor: 1, ropeDim: 8 };

test("a row holds the cosine and sine of position times each frequency", () => {
  const table = ropeTable(plain, 3);
  expect(table).toHaveLength(3 * 8);
  expect([...table.subarray(0, 8)]).toEqual([1, 0, 1, 0, 1, 0, 1, 0]);
  const angles = [2, 2 / 10, 2 / 100, 2 / 1000]; // base ** (-2 pair / 8)
  angles.forEach((angle, pair) => {
    expect(table[16 + 2 * pair]).toBeCloseTo(Math.cos(angle), 6);
    expect(table[16 + 2 * pair + 1]).toBeCloseTo(Math.sin(angle), 6);
  });
});

test("far positions are as exact as near ones", () => {
  const table = ropeTable({ ropeBase: 500_000, ropeFactor: 1, ropeDim: 2 }, 100_001);
  expect(table[200_000]).toBe(Math.fround(Math.cos(100_000)));
});

test("linear scaling divides positions, Llama 3's factors divide frequencies", () => {
  const scaled = ropeTable({ ...plain, ropeFactor: 4 }, 9);
  expect([...scaled.subarray(64, 72)]).toEqual([...ropeTable(plain, 3).subarray(16, 24)]);
  const factors = ropeTable(plain, 9, Float32Array.of(1, 2, 4, 8));
  expect(factors[64]).toBeCloseTo(Math.cos(8), 6);
  expect(factors[70]).toBeCloseTo(Math.cos(8 / 1000 / 8), 6);
});
