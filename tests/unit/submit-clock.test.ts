import { afterEach, expect, test, vi } from "vitest";
import { SubmitClock } from "../../src/engine/submit-clock.ts";

afterEach(() => vi.restoreAllMocks());

test("a submit counts from when it was sent, or from the end of what ran before it", () => {
  let now = 1000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const clock = new SubmitClock();
  now = 1100;
  clock.begin();
  expect(clock.longestMs).toBe(0);
  now = 1110;
  clock.ended(1040); // waited for the prompt
  expect(clock.longestMs).toBe(10);
  now = 1125;
  clock.ended(1105);
  expect(clock.longestMs).toBe(15);
  now = 1200;
  clock.ended(1195); // sent late
  expect(clock.longestMs).toBe(15);
});
