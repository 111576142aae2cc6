import { describe, expect, test } from "vitest";
import { UnsupportedModelError } from "../../src/errors.ts";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { type Hyperparameters, readHyperparameters } from "../../src/model/hyperparameters.ts";
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

async function read(changes: Record<string, unknown> = {}, vocabulary = 3): Promise<Hyperparameters> {
  const metadata: Record<string, unknown> = { "general.architecture": "llama" };
  for (const [key, value] of Object.entries({ ...usual, ...changes }))
    if (value !== null) metadata[key] = value;
  const tensors =
    vocabulary > 0
      ? [
          {
            name: "token_embd.weight",
            type: "F32",
            dims: [64, vocabulary],
            data: new Uint8Array(256 * vocabulary),
          },
        ]
      : [];
  const bytes = writeGguf({ metadata, tensors });
  return readHyperparameters(
    await parseGguf(async (at, length) => bytes.subarray(at, at + length), bytes.length),
  );
}

describe("readHyperparameters", () => {
  test("reads the file's numbers and derives those that it may leave out", async () => {
    expect(await read()).toEqual({
      architecture: "llama",
      layers: 2,
      hidden: 64,
      heads: 8,
      kvHeads: 2,
      headDim: 8,
      feedForward: 96,
      vocabulary: 3,
      normEpsilon: 0.5,
      ropeBase: 10_000,
      ropeFactor: 1,
      ropeDim: 8,
      contextLength: 128,
    });
    expect(await read({ "llama.attention.head_count_kv": null })).toMatchObject({ kvHeads: 8 });
    const wide = {
      "llama.attention.key_length": 16,
      "llama.attention.value_length": 16,
      "llama.rope.dimension_count": 8,
    };
    expect(await read(wide)).toMatchObject({ headDim: 16, ropeDim: 8 });
  });

  test("scales RoPE as llama.cpp does: linear unless the file says none", async () => {
    const factor = { "llama.rope.scaling.factor": typed("f32", 4) };
    expect((await read(factor)).ropeFactor).toBe(4);
    expect((await read({ ...factor, "llama.rope.scaling.type": "linear" })).ropeFactor).toBe(4);
    expect((await read({ ...factor, "llama.rope.scaling.type": "none" })).ropeFactor).toBe(1);
    expect((await read({ "llama.rope.scale_linear": typed("f32", 2) })).ropeFactor).toBe(2);
    expect((await read({ "llama.rope.scaling.factor": typed("f32", 0) })).ropeFactor).toBe(1);
    await expect(read({ "llama.rope.scaling.type": "yarn" })).rejects.toMatchObject({ code: "rope-scaling" });
  });

  test.each([
    ["embedding_length is 60", { "llama.embedding_length": 60, "llama.attention.key_length": 8 }],
    ["head_count is 7", { "llama.attention.head_count": 7, "llama.attention.key_length": 8 }],
    ["head_count_kv is 0", { "llama.attention.head_count_kv": 0 }],
    ["head dimension is 512", { "llama.attention.key_length": 512, "llama.attention.value_length": 512 }],
    ["value_length 4", { "llama.attention.value_length": 4 }],
    ["exceeds the head dimension", { "llama.rope.dimension_count": 12 }],
    ["mixture of 8 experts", { "llama.expert_count": 8 }],
  ])("refuses what the kernels do not do: %s", async (text, changes) => {
    const call = read(changes);
    await expect(call).rejects.toThrow(text);
    await expect(call).rejects.toBeInstanceOf(UnsupportedModelError);
  });

  test("names a vocabulary-only file and a missing key", async () => {
    await expect(read({}, 0)).rejects.toThrow("vocabulary-only");
    await expect(read({ "llama.feed_forward_length": null })).rejects.toMatchObject({ code: "bad-gguf" });
  });
});
