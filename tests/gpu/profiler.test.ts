// GPU time per kernel: the whole program is covered, the clock is sane, and generation is not disturbed.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../src/engine/session.ts";
import { GpuUnavailableError, InputError } from "../../src/errors.ts";
import { CONTEXT, devices, LAYERS, never, open, prompt, watchDevices } from "./session-support.ts";

describe("a profile", () => {
  let session: Session;
  let timed: boolean;
  beforeAll(async () => {
    await watchDevices();
    session = await open();
    timed = session.info.adapter.features.includes("timestamp-query");
  }, 300_000);
  afterAll(() => session?.dispose());
  const generate = () =>
    session.generate(prompt, { temperature: 0, maxTokens: 6, ignoreEndOfTurn: true }, never, () => {});

  test("is refused, with a reason, where the GPU tells no time", async () => {
    const device = devices.at(-1)!;
    const { features } = device;
    Object.defineProperty(device, "features", { value: new Set(), configurable: true });
    try {
      await expect(session.profile({ phase: "decode" }, never)).rejects.toThrow(GpuUnavailableError);
    } finally {
      Object.defineProperty(device, "features", { value: features });
    }
  });

  test("of a token has every dispatch of a token, and leaves the text as it was", async ({ skip }) => {
    if (!timed) skip("no timestamp queries here");
    const before = await generate();
    const { kernels, wholeMicroseconds, ...rest } = await session.profile(
      { phase: "decode", context: 5 },
      never,
    );
    expect(rest).toEqual({ phase: "decode", context: 5, rows: 1 });
    const dispatches = kernels.reduce((sum, kernel) => sum + kernel.dispatches, 0);
    expect(dispatches).toBe(before.timings.dispatchesPerToken);
    expect(new Set(kernels.map(({ label }) => label)).size).toBe(kernels.length);
    const down = kernels.find(({ label }) => label === "matvec add F32 40x56");
    expect(down?.dispatches).toBe(LAYERS);
    for (const { microseconds } of kernels) expect(microseconds).toBeGreaterThan(0);
    expect(wholeMicroseconds).toBeGreaterThan(0);
    expect(wholeMicroseconds).toBeLessThan(10e6);
    expect((await generate()).ids).toEqual(before.ids);
  });

  test("of several sequences' tokens has the products of a few rows", async ({ skip }) => {
    if (!timed) skip("no timestamp queries here");
    const few = await session.profile({ phase: "decode", context: 3, rows: 3 }, never);
    expect(few).toMatchObject({ phase: "decode", context: 3, rows: 3 });
    const one = await session.profile({ phase: "decode", context: 3 }, never);
    expect(few.kernels.map(({ label }) => label)).not.toEqual(one.kernels.map(({ label }) => label));
    for (const { microseconds } of few.kernels) expect(microseconds).toBeGreaterThan(0);
  });

  test("of a prompt chunk takes longer with more rows", async ({ skip }) => {
    if (!timed) skip("no timestamp queries here");
    const few = await session.profile({ phase: "prefill", rows: 1 }, never);
    const many = await session.profile({ phase: "prefill", rows: 48 }, never);
    expect(few.kernels.map(({ label }) => label)).toEqual(many.kernels.map(({ label }) => label));
    expect(many.wholeMicroseconds).toBeGreaterThan(few.wholeMicroseconds);
  });

  test("works at the end of the context, and refuses what lies beyond", async ({ skip }) => {
    if (!timed) skip("no timestamp queries here");
    const { wholeMicroseconds } = await session.profile({ phase: "decode", context: CONTEXT - 1 }, never);
    expect(wholeMicroseconds).toBeGreaterThan(0);
    for (const options of [
      { phase: "decode", context: CONTEXT },
      { phase: "decode", context: -1 },
      { phase: "prefill", context: CONTEXT - 4, rows: 5 },
      { phase: "prefill", rows: 0 },
      { phase: "decode", rows: 9 },
      { phase: "decode", rows: 2, context: CONTEXT - 1 },
    ] as const)
      await expect(session.profile(options, never)).rejects.toThrow(InputError);
  });

  test("ends when it is aborted", async ({ skip }) => {
    if (!timed) skip("no timestamp queries here");
    await expect(session.profile({ phase: "decode" }, AbortSignal.abort("enough"))).rejects.toBe("enough");
    expect((await generate()).ids).toHaveLength(6);
  });

  test("needs nothing of a generation, which tells its own longest submits", async () => {
    const { timings } = await generate();
    expect(timings.longestPrefillSubmitMs).toBeGreaterThan(0);
    expect(timings.longestDecodeSubmitMs).toBeGreaterThan(0);
    expect(timings.longestDecodeSubmitMs).toBeLessThanOrEqual(timings.decodeMs + timings.prefillMs);
    const one = await session.generate(prompt, { maxTokens: 1 }, never, () => {});
    expect(one.timings.longestPrefillSubmitMs).toBeGreaterThan(0);
    expect(one.timings.longestDecodeSubmitMs).toBe(0);
  });
});
