import { expect, test } from "vitest";
import { type Step, splitSteps } from "../../src/gpu/step.ts";

const steps = Array.from({ length: 7 }, (_, label) => ({ label }) as unknown as Step);
const lengths = (parts: number): number[] => splitSteps(steps, parts).map(part => part.length);

test("all steps, in order, whatever the number of parts", () => {
  for (const parts of [1, 2, 3, 6, 7, 8, 100]) expect(splitSteps(steps, parts).flat()).toEqual(steps);
});

test("parts of about the same number of steps, none of them empty", () => {
  expect(lengths(1)).toEqual([7]);
  expect(lengths(3)).toEqual([2, 2, 3]);
  expect(lengths(7)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  expect(lengths(100)).toEqual(lengths(7));
  expect(splitSteps([], 3)).toEqual([]);
});
