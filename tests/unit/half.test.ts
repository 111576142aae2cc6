import { expect, test } from "vitest";
import { halfToFloat } from "../../src/load/half.ts";

test("every pattern of half precision is the number that IEEE 754 says", () => {
  const named: [number, number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
  ];
  for (const [bits, value] of named) expect(halfToFloat(bits)).toBe(value);
  expect(halfToFloat(0x7e00)).toBeNaN();
  const positive = Array.from({ length: 0x7c01 }, (_, bits) => halfToFloat(bits));
  expect(positive.findIndex((value, bits) => bits > 0 && !(value > positive[bits - 1]!))).toBe(-1);
  expect(positive.findIndex((value, bits) => halfToFloat(bits | 0x8000) !== -value)).toBe(-1);
});
