import { expect, test } from "vitest";
import { Pacing } from "../../src/runtime/pacing.ts";

test("before anything is measured, submits are small and a chunk is one submit", () => {
  const pacing = new Pacing();
  expect(pacing.stepsPerSubmit()).toBe(2);
  expect(pacing.submitsPerChunk(512)).toBe(1);
});

test("decode submits take about a frame, between 2 and 16 steps", () => {
  const fast = new Pacing();
  fast.decoded(2, 2);
  expect(fast.stepsPerSubmit()).toBe(16);
  const middle = new Pacing();
  middle.decoded(2, 8);
  expect(middle.stepsPerSubmit()).toBe(4);
  const slow = new Pacing();
  slow.decoded(2, 500);
  expect(slow.stepsPerSubmit()).toBe(2);
});

test("prefill is cut so that no submit takes much longer than 40 ms", () => {
  const pacing = new Pacing();
  pacing.prefilled(100, 100);
  expect(pacing.submitsPerChunk(10)).toBe(1);
  expect(pacing.submitsPerChunk(100)).toBe(3);
});

test("one submit that seems to take no time does not make the next ones long", () => {
  const pacing = new Pacing();
  for (let i = 0; i < 5; i++) pacing.decoded(2, 200);
  pacing.decoded(2, 0);
  expect(pacing.stepsPerSubmit()).toBe(2);
});

test("estimates follow a changing speed within a few measurements", () => {
  const pacing = new Pacing();
  pacing.decoded(1, 16);
  for (let i = 0; i < 12; i++) pacing.decoded(4, 8);
  expect(pacing.stepsPerSubmit()).toBeGreaterThanOrEqual(7);
});
