import { expect, test } from "vitest";
import { Pacing } from "../../src/engine/pacing.ts";

test("before anything is measured, a decode step is a submit and a chunk is one", () => {
  const pacing = new Pacing();
  expect(pacing.stepsPerSubmit(1)).toBe(1);
  expect(pacing.submitsPerStep(1)).toBe(1);
  expect(pacing.submitsPerChunk(512)).toBe(1);
  expect(pacing.rowsPerChunk(200)).toBe(Infinity);
});

test("decode submits take about a frame, between 1 and 16 steps", () => {
  const fast = new Pacing();
  fast.decoded(1, 2, 2);
  expect(fast.stepsPerSubmit(1)).toBe(16);
  const middle = new Pacing();
  middle.decoded(1, 2, 8);
  expect(middle.stepsPerSubmit(1)).toBe(4);
  const slow = new Pacing();
  slow.decoded(1, 2, 60);
  expect(slow.stepsPerSubmit(1)).toBe(1);
  expect(slow.submitsPerStep(1)).toBe(1);
});

test("a decode step that takes longer than a page can wait is spread over several submits", () => {
  const pacing = new Pacing();
  pacing.decoded(1, 1, 217);
  expect(pacing.stepsPerSubmit(1)).toBe(1);
  expect(pacing.submitsPerStep(1)).toBe(6);
});

test("chunks have fewer rows where a single dispatch of theirs would take too long, but not too few", () => {
  const pacing = new Pacing();
  pacing.prefilled(10, 160); // 16 ms a row; of 224 dispatches the longest may take 4 / 224 of it
  expect(pacing.rowsPerChunk(224)).toBe(140);
  pacing.prefilled(1, 10_000);
  expect(pacing.rowsPerChunk(224)).toBe(64);
});

test("prefill is cut so that no submit takes much longer than 40 ms", () => {
  const pacing = new Pacing();
  pacing.prefilled(100, 100);
  expect(pacing.submitsPerChunk(10)).toBe(1);
  expect(pacing.submitsPerChunk(100)).toBe(3);
});

test("one submit that seems to take no time does not make the next ones long", () => {
  const pacing = new Pacing();
  for (let i = 0; i < 5; i++) pacing.decoded(1, 2, 10);
  expect(pacing.stepsPerSubmit(1)).toBe(3);
  pacing.decoded(1, 2, 0);
  expect(pacing.stepsPerSubmit(1)).toBe(4);
});

test("estimates follow a changing speed within a few measurements", () => {
  const pacing = new Pacing();
  pacing.decoded(1, 1, 16);
  for (let i = 0; i < 12; i++) pacing.decoded(1, 4, 8);
  expect(pacing.stepsPerSubmit(1)).toBeGreaterThanOrEqual(7);
});

test("several sequences have an estimate of their own", () => {
  const pacing = new Pacing();
  pacing.decoded(1, 1, 1);
  pacing.decoded(5, 2, 16);
  expect([1, 2, 8].map(sequences => pacing.stepsPerSubmit(sequences))).toEqual([16, 2, 2]);
});

test("beside prompts a decode submit has half the steps, and a chunk takes as long as a whole one, but has not too few rows", () => {
  const pacing = new Pacing();
  expect(pacing.rowsBeside(2)).toBe(64);
  expect(pacing.stepsPerSubmit(2, true)).toBe(1);
  pacing.prefilled(512, 51.2);
  pacing.decoded(2, 1, 3);
  expect(pacing.stepsPerSubmit(2, true)).toBe(3);
  expect(pacing.rowsBeside(2)).toBe(150);
  pacing.prefilled(1, 100, true);
  expect(pacing.rowsBeside(2)).toBe(64);
  expect(pacing.submitsPerChunk(400)).toBe(1); // what is measured beside others says nothing of chunks alone
});
