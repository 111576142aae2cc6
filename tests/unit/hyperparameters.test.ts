import { describe, expect, test } from "vitest";
import { ModelFormatError, UnsupportedModelError } from "../../src/errors.ts";
import { type GgufFile, parseGguf } from "../../src/gguf/gguf.ts";
import { Keys, readHyperparameters } from "../../src/model/hyperparameters.ts";
import type { AttentionOptions, AttentionWeights } from "../../src/model/layer-reader.ts";
import { ModelReader } from "../../src/model/model-reader.ts";
import type { Rope } from "../../src/model/rope.ts";
import { typed, writeGguf } from "./support/gguf-writer.ts";

const usual = {
  "llama.block_count": 2,
  "llama.context_length": 128,
  "llama.embedding_length": 64,
  "llama.feed_forward_length": 96,
  "llama.attention.head_count": 8,
  "llama.attention.head_count_kv": 2,
  "llama.attention.layer_norm_rms_epsilon": typed("f32", 0.5),
};

/** A file of zeros with these changes of the metadata; `null` = left out. */
function open(
  changes: Record<string, unknown> = {},
  dims: Record<string, number[]> = { "token_embd.weight": [64, 3] },
): Promise<GgufFile> {
  const metadata: Record<string, unknown> = { "general.architecture": "llama" };
  for (const [key, value] of Object.entries({ ...usual, ...changes }))
    if (value !== null) metadata[key] = value;
  const tensors = Object.entries(dims).map(([name, size]) => {
    const data = new Uint8Array(4 * size.reduce((product, n) => product * n, 1));
    return { name, type: "F32", dims: size, data };
  });
  const bytes = writeGguf({ metadata, tensors });
  return parseGguf(async (at, length) => bytes.subarray(at, at + length), bytes.length);
}

const readerOf = async (...file: Parameters<typeof open>): Promise<ModelReader> =>
  new ModelReader(await open(...file), 2 ** 30);

/** Attention of layer 0 in a file that has its tensors in the shapes that these heads want. */
async function attention(
  changes: Record<string, unknown>,
  [heads, kvHeads, headDim]: [number, number, number],
  options: Partial<AttentionOptions> = {},
): Promise<AttentionWeights> {
  const reader = await readerOf(changes, {
    "token_embd.weight": [64, 3],
    "blk.0.attn_q.weight": [64, heads * headDim],
    "blk.0.attn_k.weight": [64, kvHeads * headDim],
    "blk.0.attn_v.weight": [64, kvHeads * headDim],
    "blk.0.attn_output.weight": [heads * headDim, 64],
  });
  let taken: AttentionWeights | undefined;
  reader.layers((layer, index) => {
    if (index === 0) taken = layer.attention({ rope: undefined, ...options });
  });
  return taken!;
}

describe("layers", () => {
  const dims = { "token_embd.weight": [64, 3], "blk.1.nextn.eh_proj.weight": [128, 64] };

  test("blocks that predict further tokens are none, and their tensors are left in the file", async () => {
    const reader = await readerOf({ "llama.nextn_predict_layers": 1 }, dims);
    expect(reader.layers((_, index) => index)).toEqual([0]);
    expect(() => reader.file.checkUnused()).toThrow(/token_embd\.weight\./);
  });

  test("without the key they are layers, and their tensors must be taken", async () => {
    const reader = await readerOf({}, dims);
    expect(reader.layers((_, index) => index)).toEqual([0, 1]);
    expect(() => reader.file.checkUnused()).toThrow(/nextn/);
  });

  test("a file of such blocks alone is refused", async () => {
    const reader = await readerOf({ "llama.nextn_predict_layers": 2 }, dims);
    expect(() => reader.layers(() => 0)).toThrow(/block_count - nextn_predict_layers is 0/);
  });

  const ssm = {
    "llama.ssm.conv_kernel": 1,
    "llama.ssm.state_size": 6,
    "llama.ssm.group_count": 3,
    "llama.ssm.time_step_rank": 4,
    "llama.ssm.inner_size": 2048,
  };

  test("a delta net of a shape that no kernel has is refused by name", async () => {
    const reader = await readerOf(ssm);
    expect(() => reader.layers(layer => layer.deltaNet())).toThrow(
      /time_step_rank is 4, not a multiple of 3; ssm.state_size is 6, not a multiple of 4; ssm.conv_kernel - 1 is 0.*6 x 512, more than 256/,
    );
  });

  test("so is a Mamba-2 layer", async () => {
    const reader = await readerOf(ssm);
    expect(() => reader.layers(layer => layer.mamba2())).toThrow(
      /time_step_rank is 4, not a multiple of 3; ssm.state_size is 6, not a multiple of 4; ssm.conv_kernel - 1 is 0.*6 x 512, more than 256 x 256/,
    );
    const none = await readerOf({ ...ssm, "llama.ssm.time_step_rank": 0, "llama.ssm.group_count": 0 });
    expect(() => none.layers(layer => layer.mamba2())).toThrow(/ssm.group_count is 0.*time_step_rank is 0/);
  });
});

describe("readHyperparameters", () => {
  test("reads the file's numbers", async () => {
    expect(readHyperparameters(await open())).toEqual({
      architecture: "llama",
      layers: 2,
      hidden: 64,
      vocabulary: 3,
      contextLength: 128,
    });
  });

  test("refuses what the kernels do not do", async () => {
    const odd = await open({ "llama.embedding_length": 60 });
    expect(() => readHyperparameters(odd)).toThrow("embedding_length is 60");
    expect(() => readHyperparameters(odd)).toThrow(UnsupportedModelError);
    const empty = await open({ "llama.block_count": 0 });
    expect(() => readHyperparameters(empty)).toThrow("block_count is 0");
  });

  test("names a vocabulary-only file and a missing key", async () => {
    const noTensors = await open({}, {});
    expect(() => readHyperparameters(noTensors)).toThrow("vocabulary-only");
    const noLayers = await open({ "llama.block_count": null });
    expect(() => readHyperparameters(noLayers)).toThrow(ModelFormatError);
  });
});

describe("Keys", () => {
  test("reads the model's own prefix: numbers, text and flags, each with a fallback", async () => {
    const keys = new Keys(await open({ "llama.a": "text", "llama.b": true, "other.block_count": 9 }));
    expect(keys.number("block_count")).toBe(2);
    expect(keys.number("absent", 7)).toBe(7);
    expect(() => keys.number("absent")).toThrow(ModelFormatError);
    expect(keys.string("a")).toBe("text");
    expect([keys.flag("b", false), keys.flag("absent", true)]).toEqual([true, true]);
    expect([keys.has("a"), keys.has("absent")]).toEqual([true, false]);
  });

  test("gives each layer its number of a list, or the one number for all", async () => {
    const keys = new Keys(await open({ "llama.width": typed("array", [8, 0], "u32") }));
    expect([0, 1].map(layer => keys.ofLayer("width", layer))).toEqual([8, 0]);
    expect([0, 1].map(layer => keys.ofLayer("block_count", layer))).toEqual([2, 2]);
    expect(() => keys.ofLayer("width", 2)).toThrow("no number for layer 2");
  });
});

describe("heads", () => {
  test("are as wide as the model allows, unless the file says how wide; without KV heads each has its own", async () => {
    expect(await attention({}, [8, 2, 8])).toMatchObject({ heads: 8, kvHeads: 2, headDim: 8 });
    expect(await attention({ "llama.attention.head_count_kv": null }, [8, 8, 8])).toMatchObject({
      kvHeads: 8,
    });
    const wide = { "llama.attention.key_length": 16, "llama.attention.value_length": 16 };
    expect(await attention(wide, [8, 2, 16])).toMatchObject({ headDim: 16 });
    const listed = { "llama.attention.head_count_kv": typed("array", [4, 2], "u32") };
    expect(await attention(listed, [8, 4, 8])).toMatchObject({ kvHeads: 4 });
  });

  test.each([
    ["head_count is 7", { "llama.attention.head_count": 7, "llama.attention.key_length": 8 }],
    ["head_count_kv is 0", { "llama.attention.head_count_kv": 0 }],
    ["head dimension is 516", { "llama.attention.key_length": 516, "llama.attention.value_length": 516 }],
    ["value_length 4", { "llama.attention.value_length": 4 }],
    ["head dimension is 10", { "llama.attention.key_length": 10, "llama.attention.value_length": 10 }],
  ])("refuses what the kernels do not do: %s", async (text, changes) => {
    const call = attention(changes, [8, 2, 8]);
    await expect(call).rejects.toThrow(text);
    await expect(call).rejects.toBeInstanceOf(UnsupportedModelError);
  });

  test("refuses to rotate more of a head than there is, or half a pair of pairs", async () => {
    const rope = (dim: number): Rope => ({ base: 1, dim, scaling: { kind: "none" } });
    await expect(attention({}, [8, 2, 8], { rope: rope(12) })).rejects.toThrow("exceeds the head dimension");
    await expect(attention({}, [8, 2, 8], { rope: rope(6) })).rejects.toThrow("rope.dimension_count is 6");
  });
});

describe("rope", () => {
  const factor = (value: number) => ({ "llama.rope.scaling.factor": typed("f32", value) });
  const rope = async (...file: Parameters<typeof open>): Promise<Rope> => (await readerOf(...file)).rope();

  test("rotates whole heads by 10,000 unless the file says otherwise", async () => {
    expect(await rope()).toEqual({ base: 10_000, dim: 8, scaling: { kind: "none" } });
    const partial = { "llama.rope.dimension_count": 4, "llama.rope.freq_base": typed("f32", 500_000) };
    expect(await rope(partial)).toEqual({ base: 500_000, dim: 4, scaling: { kind: "none" } });
  });

  test("is scaled as llama.cpp does: linear unless the file says none", async () => {
    const scaling = async (changes: Record<string, unknown>) => (await rope(changes)).scaling;
    expect(await scaling(factor(4))).toEqual({ kind: "linear", factor: 4, magnitude: 1 });
    expect(await scaling({ ...factor(4), "llama.rope.scaling.type": "linear" })).toEqual({
      kind: "linear",
      factor: 4,
      magnitude: 1,
    });
    expect(await scaling({ ...factor(4), "llama.rope.scaling.type": "none" })).toEqual({ kind: "none" });
    expect(await scaling({ "llama.rope.scale_linear": typed("f32", 2) })).toEqual({
      kind: "linear",
      factor: 2,
      magnitude: 1,
    });
    expect(await scaling(factor(0))).toEqual({ kind: "none" });
    await expect(scaling({ ...factor(4), "llama.rope.scaling.type": "other" })).rejects.toMatchObject({
      code: "rope-scaling",
    });
  });

  test("layers may leave the file's scaling out, and have a base of their own", async () => {
    const reader = await readerOf(factor(4));
    expect(reader.rope({ base: 7, scaled: false })).toEqual({ base: 7, dim: 8, scaling: { kind: "none" } });
  });

  test("YaRN has the paper's limits unless the file says otherwise", async () => {
    const yarn = { ...factor(4), "llama.rope.scaling.type": "yarn" };
    expect((await rope(yarn)).scaling).toEqual({
      kind: "yarn",
      factor: 4,
      original: 128,
      betaFast: 32,
      betaSlow: 1,
      magnitude: 1,
    });
    const more = {
      ...yarn,
      "llama.rope.scaling.original_context_length": 32,
      "llama.rope.scaling.yarn_beta_fast": typed("f32", 16),
      "llama.rope.scaling.yarn_beta_slow": typed("f32", 2),
      "llama.rope.scaling.attn_factor": typed("f32", 0.5),
    };
    expect((await rope(more)).scaling).toMatchObject({
      original: 32,
      betaFast: 16,
      betaSlow: 2,
      magnitude: 0.5,
    });
  });

  test("factors come as tensors, for all contexts or for short and long ones", async () => {
    const withTensors = (dims: Record<string, number[]>) =>
      rope({}, { "token_embd.weight": [64, 3], ...dims });
    expect(await withTensors({ "rope_freqs.weight": [4] })).toMatchObject({
      scaling: { kind: "linear", factor: 1, factors: { long: { tensor: { name: "rope_freqs.weight" } } } },
    });
    expect(
      await withTensors({ "rope_factors_short.weight": [4], "rope_factors_long.weight": [4] }),
    ).toMatchObject({
      scaling: { factors: { original: 128, long: { tensor: { name: "rope_factors_long.weight" } } } },
    });
    await expect(withTensors({ "rope_freqs.weight": [3] })).rejects.toThrow(ModelFormatError);
  });
});

describe("keys and values of another layer", () => {
  const qkNorm = { kind: "rms", over: "head", values: true } as const;
  const dims = (layer: number): Record<string, number[]> => ({
    [`blk.${layer}.attn_q.weight`]: [64, 64],
    [`blk.${layer}.attn_output.weight`]: [64, 64],
    [`blk.${layer}.attn_q_norm.weight`]: [8],
  });
  const own = { "blk.0.attn_k.weight": [64, 16], "blk.0.attn_k_norm.weight": [8] };

  const read = async (more: Record<string, number[]> = {}) => {
    const all = { "token_embd.weight": [64, 3], ...dims(0), ...own, ...dims(1), ...more };
    const reader = await readerOf({}, all);
    let keysOf: AttentionWeights | undefined;
    const layers = reader.layers(layer => {
      keysOf = layer.attention({ rope: undefined, qkNorm, keysOf });
      return keysOf;
    });
    return { reader, layers };
  };

  test("are kept once, and the layer that reads them has queries alone", async () => {
    const { reader, layers } = await read();
    expect(reader.caches).toEqual([{ layer: 0, kvHeads: 2, headDim: 8, window: undefined }]);
    expect(layers[1]!.cache).toBe(layers[0]!.cache);
    expect(layers.map(({ qkv }) => qkv.rows)).toEqual([80, 64]);
    // without a projection of values keys are the values
    expect(layers.map(({ given }) => given.sides)).toEqual([1, 0]);
  });

  test("may lie in the file of the layer that does not use them", async () => {
    const { reader } = await read({
      "blk.1.attn_k.weight": [64, 16],
      "blk.1.attn_v.weight": [64, 16],
      "blk.1.attn_k_norm.weight": [8],
    });
    reader.embedding();
    expect(() => reader.file.checkUnused()).not.toThrow();
  });
});
