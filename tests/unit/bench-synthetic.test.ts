// Generated GGUFs: read back by an outside parser and by intab's own, and their blocks by the plain reference.
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GGMLQuantizationType, gguf } from "@huggingface/gguf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { halfBits, randomBlocks } from "../../bench/synthetic/blocks.mjs";
import { ropeFactors, SHAPES, tensorsOf } from "../../bench/synthetic/shapes.mjs";
import { FILE_TYPES, TYPES, typeOf } from "../../bench/synthetic/types.mjs";
import { ensureModel, layoutOf, writeModel } from "../../bench/synthetic/write.mjs";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { openModel } from "../../src/model/open-model.ts";
import { checkSupported } from "../../src/model/supported-types.ts";
import { createTokenizer } from "../../src/tokenizer/index.ts";
import { dequantise, halfToNumber } from "../reference/dequantise.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "intab-synthetic-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shapeOf = (name: string) => SHAPES.find(shape => shape.name === name)!;
/** A real shape with one layer and few words: what is left is every kind of tensor and key. */
const small = (name: string) => ({ ...shapeOf(name), layers: 1, vocabulary: 1000 });
/** Written once for all tests. */
const fileOf = (name: string) => ensureModel(folder, small(name), "Q4_K_M");
const parse = (path: string) => {
  const bytes = readFileSync(path);
  return parseGguf(async (offset, length) => bytes.subarray(offset, offset + length), bytes.length);
};

describe("a generated file", () => {
  test.each(SHAPES.map(({ name }) => name))("of %s is what an outside parser reads", async name => {
    const [shape, type] = [small(name), "Q4_K_M"];
    const path = fileOf(name);
    const bytes = statSync(path).size;
    const { metadata: known, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
    const metadata = known as unknown as Record<string, unknown>;
    const key = (text: string) => metadata[`${shape.architecture}.${text}`];
    expect(metadata["general.architecture"]).toBe(shape.architecture);
    expect(key("block_count")).toBe(1);
    expect(key("embedding_length")).toBe(shape.hidden);
    expect(key("attention.head_count_kv")).toEqual(shape.mamba ? [0] : shape.kvHeads);
    expect(metadata["tokenizer.ggml.tokens"]).toHaveLength(1000);
    const { tensors } = layoutOf(shape, type);
    expect(
      tensorInfos.map(info => [
        info.name,
        GGMLQuantizationType[info.dtype],
        info.shape.map(Number),
        Number(info.offset),
      ]),
    ).toEqual(tensors.map(tensor => [tensor.name, tensor.type, tensor.dims, tensor.offset]));
    const last = tensors.at(-1)!;
    expect(Number(tensorDataOffset) + last.offset + last.bytes).toBeLessThanOrEqual(bytes);
    expect(bytes - (Number(tensorDataOffset) + last.offset + last.bytes)).toBeLessThan(32);
    // every token once, or text could not be told from ids
    const tokens = metadata["tokenizer.ggml.tokens"] as string[];
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  test.each(SHAPES.map(({ name }) => name))("of %s is one that intab runs, text and all", async name => {
    const file = await parse(fileOf(name));
    checkSupported(file);
    const model = openModel(file, 2 ** 31); // every tensor is there, has the right shape, and is used
    const names = [...model.taken.matrices].map(matrix => matrix.name);
    expect(names.includes("output")).toBe(!shapeOf(name).tied);
    expect(model.taken.host).toHaveLength(name.startsWith("Llama") ? 1 : 0);
    const tokenizer = createTokenizer(file.metadata);
    const ids = tokenizer.encode("the Grüße 🦀", {});
    expect(tokenizer.decode(ids)).toBe("the Grüße 🦀");
    expect(ids.length).toBeLessThan(17); // merges are in use: 17 bytes
  });

  test("is the same for a seed and another for another", () => {
    const shape = { ...small("SmolLM2-135M") };
    const [a, b, c] = [7, 7, 8].map((seed, index) => {
      const path = join(folder, `seed-${index}.gguf`);
      writeModel(path, shape, "Q8_0", seed);
      return readFileSync(path);
    });
    expect(a!.equals(b!)).toBe(true);
    expect(a!.equals(c!)).toBe(false);
    expect(a!.length).toBe(c!.length);
  });

  test("is written once and then kept", () => {
    const shape = { ...small("SmolLM2-135M"), name: "kept" };
    const written: string[] = [];
    const first = ensureModel(folder, shape, "Q4_0", { onWrite: path => written.push(path) });
    const { mtimeMs } = statSync(first);
    expect(ensureModel(folder, shape, "Q4_0", { onWrite: path => written.push(path) })).toBe(first);
    expect([written, statSync(first).mtimeMs]).toEqual([[first], mtimeMs]);
  });
});

describe("the real shapes", () => {
  test.each([
    ["SmolLM2-135M", 134.5e6],
    ["Qwen2-0.5B", 494e6],
    ["Llama-3.2-1B", 1235.8e6],
    ["Llama-3.1-8B", 8030e6],
    ["Qwen3-4B", 4022e6],
    ["Gemma-3-1B", 999.9e6],
    ["Granite-4.0-H-Micro", 3191.4e6],
  ])("%s has the parameters of its namesake", (name, expected) => {
    const count = tensorsOf(shapeOf(name)).reduce(
      (sum, { dims, role }) => (role === "rope" ? sum : sum + dims.reduce((a, b) => a * b, 1)),
      0,
    );
    expect(Math.abs(count / expected - 1)).toBeLessThan(1e-3);
  });

  test("in Q4_K_M mix as llama.cpp does", () => {
    const typesOf = (name: string) => {
      const shape = shapeOf(name);
      return new Map(
        tensorsOf(shape).map(tensor => [tensor.name, typeOf("Q4_K_M", tensor, shape.layers)] as const),
      );
    };
    const large = typesOf("Llama-3.1-8B");
    expect(large.get("output.weight")).toBe("Q6_K");
    expect(large.get("token_embd.weight")).toBe("Q4_K");
    const sixes = Array.from({ length: 32 }, (_, layer) => layer).filter(
      layer => large.get(`blk.${layer}.ffn_down.weight`) === "Q6_K",
    );
    expect(sixes).toEqual([0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]);
    expect(sixes.filter(layer => large.get(`blk.${layer}.attn_v.weight`) === "Q6_K")).toEqual(sixes);
    // 896 columns are no whole number of K blocks
    const narrow = typesOf("Qwen2-0.5B");
    expect(narrow.get("token_embd.weight")).toBe("Q8_0");
    expect(narrow.get("blk.0.attn_q.weight")).toBe("Q5_0");
    expect(narrow.get("blk.0.ffn_down.weight")).toBe("Q6_K");
    expect(narrow.get("blk.0.attn_q.bias")).toBe("F32");
  });

  test("in Q4_K have it in every matrix whose rows are whole blocks, as llama-quantize --pure does", () => {
    const typesOf = (name: string) =>
      new Set(
        tensorsOf(shapeOf(name))
          .filter(({ role }) => !["norm", "bias", "rope"].includes(role))
          .map(tensor => typeOf("Q4_K", tensor, shapeOf(name).layers)),
      );
    expect([...typesOf("Llama-3.1-8B")]).toEqual(["Q4_K"]);
    // 896 columns are no whole number of blocks, 4,864 are
    expect([...typesOf("Qwen2-0.5B")].sort()).toEqual(["Q4_K", "Q5_0"]);
  });

  test("give RoPE the factors of Llama 3.1: none for short wavelengths, all for long ones", () => {
    const factors = ropeFactors(shapeOf("Llama-3.1-8B"));
    expect([factors.length, factors[0], factors.at(-1)]).toEqual([64, 1, 8]);
    expect([...factors].every((value, index) => index === 0 || value >= factors[index - 1]!)).toBe(true);
  });
});

describe("random blocks", () => {
  const types = ["F16", "Q4_0", "Q5_0", "Q8_0", "Q4_K", "Q6_K"] as const;
  test.each(types)("of %s are finite weights of about the size of trained ones", type => {
    const { elements } = TYPES[type];
    const count = Math.ceil(65_536 / elements);
    const values = dequantise(type, randomBlocks(type, count, 3), 1, count * elements);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean)).toBeLessThan(0.003);
    expect(deviation).toBeGreaterThan(0.014);
    expect(deviation).toBeLessThan(0.04);
  });

  test("hold scales in f16 as the reference reads them", () => {
    for (const value of [0, 1, -2.5, 0.1, 6.1e-5, 3e-6, -6e-8, 65504, 0.99999, 2 ** -14]) {
      const back = halfToNumber(halfBits(value));
      expect(Math.abs(back - value)).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(value) * 2 ** -11));
    }
  });

  test("come in every type of the command line", () => {
    expect(Object.keys(FILE_TYPES)).toEqual(["F16", "Q4_0", "Q8_0", "Q4_K", "Q4_K_M", "Q6_K"]);
  });
});
