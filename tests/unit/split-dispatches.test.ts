import { expect, test } from "vitest";
import { type Dispatch, splitDispatches } from "../../src/gpu/dispatch.ts";

const dispatches = Array.from({ length: 7 }, (_, label) => ({ label }) as unknown as Dispatch);
const lengths = (parts: number): number[] => splitDispatches(dispatches, parts).map(part => part.length);

test("all dispatches, in order, whatever the number of parts", () => {
  for (const parts of [1, 2, 3, 6, 7, 8, 100])
    expect(splitDispatches(dispatches, parts).flat()).toEqual(dispatches);
});

test("parts of about the same number of dispatches, none of them empty", () => {
  expect(lengths(1)).toEqual([7]);
  expect(lengths(3)).toEqual([2, 2, 3]);
  expect(lengths(7)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  expect(lengths(100)).toEqual(lengths(7));
  expect(splitDispatches([], 3)).toEqual([]);
});
