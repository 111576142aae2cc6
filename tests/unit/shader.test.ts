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

    const lines = composeShader("matvec", {
      weights: "weights-f32",
      activation: "activation-plain",
      bias: "bias-none",
      expert: "expert-none",
      reduce: "reduce-subgroup",
      epilogue: "epilogue-store",
    }).split("\n");
    expect(lines.slice(0, 2)).toEqual(["enable subgroups;", "diagnostic(off, subgroup_uniformity);"]);
    expect(lines.slice(2).filter(line => /^\s*(enable|diagnostic|requires)\b/.test(line))).toEqual([]);
  });

  test("names the file that is missing", () => {
    expect(() => composeShader("no-such-kernel")).toThrow("No shader file no-such-kernel.wgsl");
    expect(() => composeShader("embed")).toThrow("No shader file shared/weights.wgsl");
    expect(() => composeShader("embed", { weights: "weights-q9" })).toThrow(
      "No shader file shared/weights-q9.wgsl",
    );
  });
});
