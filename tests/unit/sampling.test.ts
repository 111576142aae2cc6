import { describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { MAX_END_TOKENS, PARAMS_BYTES, packSampling } from "../../src/kernels/sample-params.ts";
import { validateSampling } from "../../src/sampling/options.ts";
import type { SamplingOptions } from "../../src/types.ts";

const V = 1000;
const words = (options: SamplingOptions, endTokens: number[] = []) => {
  const { params, ...rest } = packSampling(validateSampling(options, V), endTokens);
  return { ...rest, u32: new Uint32Array(params), f32: new Float32Array(params) };
};

describe("sampling options", () => {
  test("get the documented defaults", () => {
    const { seed, ...rest } = validateSampling({}, V);
    expect(rest).toEqual({
      temperature: 0.8,
      topK: 40,
      topP: 0.95,
      minP: 0.05,
      repetitionPenalty: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      logitBias: [],
    });
    expect(Number.isInteger(seed) && seed >= 0 && seed <= 0xffff_ffff).toBe(true);
  });

  test("draw another seed each time", () => {
    expect(new Set([1, 2, 3, 4].map(() => validateSampling({}, V).seed)).size).toBeGreaterThan(1);
  });

  test("come from the caller before the model's file, undefined counting as absent", () => {
    const resolved = validateSampling({ temperature: 0, topP: undefined }, V, {
      temperature: 0.6,
      topP: 0.9,
      topK: 20,
    });
    expect(resolved).toMatchObject({ temperature: 0, topP: 0.9, topK: 20 });
  });

  test("take a top-k of the whole vocabulary or more as none", () => {
    expect(validateSampling({ topK: V }, V).topK).toBe(0);
    expect(validateSampling({ topK: V - 1 }, V).topK).toBe(V - 1);
  });

  test("refuse a bias that bans the whole vocabulary, and take one that leaves a token", () => {
    const banned = (count: number) => ({
      logitBias: Object.fromEntries(Array.from({ length: count }, (_, id) => [id, Number.NEGATIVE_INFINITY])),
    });
    expect(() => validateSampling(banned(131), 131)).toThrow(InputError);
    expect(validateSampling(banned(130), 131).logitBias).toHaveLength(130);
  });

  test("list biases by ascending id", () => {
    const logitBias = { 999: 1, 3: Number.NEGATIVE_INFINITY };
    expect(validateSampling({ logitBias }, V).logitBias).toEqual([
      [3, Number.NEGATIVE_INFINITY],
      [999, 1],
    ]);
  });

  const bad: [string, Record<string, unknown>][] = [
    ["temperature", { temperature: -0.1 }],
    ["temperature", { temperature: Number.NaN }],
    ["temperature", { temperature: Number.POSITIVE_INFINITY }],
    ["temperature", { temperature: "1" }],
    ["topK", { topK: -1 }],
    ["topK", { topK: 1.5 }],
    ["topP", { topP: 0 }],
    ["topP", { topP: 1.01 }],
    ["minP", { minP: 1 }],
    ["minP", { minP: -0.1 }],
    ["repetitionPenalty", { repetitionPenalty: 0 }],
    ["frequencyPenalty", { frequencyPenalty: 2.1 }],
    ["presencePenalty", { presencePenalty: -3 }],
    ["seed", { seed: -1 }],
    ["seed", { seed: 2 ** 32 }],
    ["seed", { seed: 0.5 }],
    ["temperature", { temperature: null }],
    ["logitBias", { logitBias: null }],
    ["logitBias", { logitBias: 7 }],
    ["logitBias", { logitBias: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, 1])) }],
    ["logitBias key", { logitBias: { 1000: 1 } }],
    ["logitBias key", { logitBias: { "-1": 1 } }],
    ["logitBias key", { logitBias: { "1.5": 1 } }],
    ["logitBias[5]", { logitBias: { 5: Number.NaN } }],
    ["logitBias[5]", { logitBias: { 5: Number.POSITIVE_INFINITY } }],
    ["logitBias[5]", { logitBias: { 5: "1" } }],
    ["logitBias[5]", { logitBias: { 5: 1e31 } }],
  ];
  test.each(bad)("refuse a %s of %o by name, value and range", (option, options) => {
    let error: unknown;
    try {
      validateSampling(options as SamplingOptions, 2000 - V);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InputError);
    const { code, details, message } = error as InputError;
    expect(code).toBe("option");
    expect(details.option).toBe(option);
    expect(message).toContain(`${option} is ${details.value}; it must be ${details.range}`);
  });
});

describe("packed sampling", () => {
  test("has the layout of SampleParams", () => {
    const { u32, f32, greedy, usesHistory, bias } = words(
      {
        temperature: 0.5,
        topK: 20,
        topP: 0.75,
        minP: 0.25,
        repetitionPenalty: 1.5,
        frequencyPenalty: 0.25,
        presencePenalty: -0.5,
        logitBias: { 8: 2 },
        seed: 0xdead_beef,
      },
      [7, 9],
    );
    expect(u32.byteLength).toBe(PARAMS_BYTES);
    expect([...u32.subarray(0, 4)]).toEqual([1 | 2 | 16, 0xdead_beef, 20, 0]);
    expect([...f32.subarray(4, 11)]).toEqual([0.5, 2, 0.75, Math.fround(Math.log(4) / 2), 1.5, 0.25, -0.5]);
    expect([...u32.subarray(11, 15)]).toEqual([2, 7, 9, 0]);
    expect({ greedy, usesHistory, bias }).toEqual({ greedy: false, usesHistory: true, bias: [[8, 2]] });
  });

  test("is greedy at temperature 0 alone, every number finite at any temperature", () => {
    for (const temperature of [0, 1e-300, 1e-6, 1e300]) {
      const { greedy, f32 } = words({ temperature, minP: 0.5 });
      expect(greedy).toBe(temperature === 0);
      expect([...f32.subarray(4, 11)].every(Number.isFinite)).toBe(true);
    }
  });

  test.each([
    [{ topK: 0, topP: 1, minP: 0 }, 8],
    [{ topK: 0, topP: 1, minP: 0.1 }, 8 | 16],
    [{ topK: 0, topP: 0.9, minP: 0 }, 4],
    [{ topK: 5, topP: 0.9, minP: 0 }, 0],
    [{ topK: 0, topP: 1 - 1e-12, minP: 0 }, 8], // 1 in f32
  ])("asks for no more work than %o needs", (options, flags) => {
    expect(words(options).u32[0]).toBe(flags);
  });

  test("refuses more end tokens than the sampler holds", () => {
    expect(() => words({}, new Array(MAX_END_TOKENS + 1).fill(1))).toThrow(InputError);
    expect(words({}, new Array(MAX_END_TOKENS).fill(1)).u32[11]).toBe(16);
  });
});
