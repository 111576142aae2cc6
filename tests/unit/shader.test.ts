import { describe, expect, test } from "vitest";
import { composeShader } from "../../src/gpu/shader.ts";

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

describe("composeShader", () => {
  test("imports a file once, however many parts ask for it", () => {
    // sample-commit asks for sample-params, and sample-search does by way of sample-weight
    const text = composeShader("sample-pick");
    expect(count(text, /^struct State\b/gm)).toBe(1);
    expect(count(text, /^struct SampleParams\b/gm)).toBe(1);
    expect(text).not.toContain("#import");
  });

  test("puts the file that the caller names in an import's place, in nested imports too", () => {
    const imports = {
      weights: "weights-q8-0",
      batch: "batch-tokens",
      bias: "bias-none",
      epilogue: "epilogue-qkv",
      tile: "tile-64x64",
    };
    expect(composeShader("matmul", { ...imports, real: "real-f32" })).toContain("alias real = f32;");
    expect(composeShader("matmul", { ...imports, real: "real-f16" })).toContain("alias real = f16;");
  });

  test("moves directives to the top, each once", () => {
    const text = composeShader("matmul", {
      weights: "weights-f16",
      batch: "batch-tokens",
      bias: "bias-none",
      epilogue: "epilogue-qkv",
      tile: "tile-64x64",
      real: "real-f16",
    });
    expect(text.startsWith("enable f16;\n")).toBe(true);
    expect(count(text, /enable f16;/g)).toBe(1);

    const imports = {
      weights: "weights-f32",
      activation: "activation-plain",
      bias: "bias-none",
      expert: "expert-none",
      reduce: "reduce-subgroup",
      epilogue: "epilogue-store",
    };
    const lines = composeShader("matvec", imports, { TOGETHER: 2, PHASES: 2 }).split("\n");
    expect(lines.slice(0, 2)).toEqual(["enable subgroups;", "diagnostic(off, subgroup_uniformity);"]);
    expect(lines.slice(2).filter(line => /^\s*(enable|diagnostic|requires)\b/.test(line))).toEqual([]);
  });

  test("writes out what is repeated, inside out, with constants for indices, and declares the sizes", () => {
    const sizes = {
      TILE: 2,
      DEPTH: 1,
      WORDS_PER_LANE: 1,
      UNITS_PER_LANE: 2,
      LANE_STEPS: 3,
      TEAM_STEPS: 0,
      BLOCKS: 1,
    };
    const imports = {
      real: "real-f16",
      "kv-words": "kv-words-f16",
      sinks: "attention-sinks-none",
      result: "attention-result-part",
    };
    const text = composeShader("attention-decode-subgroups", imports, sizes);
    expect(text).not.toMatch(/#repeat|#end/);
    expect(text).toContain("const TILE = 2u;");
    expect(count(text, /subgroupShuffleXor\(s, 1u << \du\)/g)).toBe(2 * 3);
    for (const place of ["0u][0u", "0u][1u", "1u][0u", "1u][1u"])
      expect(text).toContain(`acc[${place}] *= shrink;`);
    expect(() => composeShader("attention-decode-subgroups", imports)).toThrow("no such size");
  });

  test("makes a variable for each repetition, which is declared where there are no braces", () => {
    const imports = { real: "real-f16", sinks: "attention-sinks-none" };
    const sizes = { COLUMNS: 5, BLOCKS: 2, LOADS: 2, ROUNDS: 5, ROUND_COLUMNS: 1 };
    const text = composeShader("attention-prefill-matrix", imports, sizes);
    expect(text.replace(/\/\/.*/g, "")).not.toContain("#");
    expect(text).toContain(
      "let q_4 = subgroupMatrixLoad<Left, row_major>(&tile, rows_at + 2u * 4u, STRIDE);",
    );
    expect(text).not.toContain("q_5");
    expect(text).toMatch(/var o_0_0: Sum;\s+var o_1_0: Sum;/);
    expect(text).toMatch(/\{\s+o_0_0 = [^\n]+\s+\}\s+\}/);
  });

  test("inserts a file wherever it is wanted", () => {
    const imports = { real: "real-f16", sinks: "attention-sinks-none" };
    const sizes = { COLUMNS: 4, BLOCKS: 4, LOADS: 1, ROUNDS: 1, ROUND_COLUMNS: 4 };
    const text = composeShader("attention-prefill-matrix", imports, sizes);
    expect(count(text, /var s_3 = Sum\(\);/g)).toBe(2);
  });

  test("names the file that is missing", () => {
    expect(() => composeShader("no-such-kernel")).toThrow("No shader file no-such-kernel.wgsl");
    expect(() => composeShader("embed")).toThrow("No shader file shared/weights.wgsl");
    expect(() => composeShader("embed", { weights: "weights-q9" })).toThrow(
      "No shader file shared/weights-q9.wgsl",
    );
  });
});
