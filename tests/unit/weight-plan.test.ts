import { describe, expect, test } from "vitest";
import { ModelFormatError, UnsupportedModelError } from "../../src/errors.ts";
import { type GgufFile, parseGguf } from "../../src/gguf/gguf.ts";
import { matricesOf, planWeights, vectorsOf, type WeightPlan } from "../../src/model/weights.ts";
import { type TensorSpec, writeGguf } from "./support/gguf-writer.ts";

const shape = {
  layers: 1,
  hidden: 8,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  feedForward: 16,
  vocabulary: 5,
  ropeDim: 4,
};
const dims: Record<string, number[]> = {
  "token_embd.weight": [8, 5],
  "output_norm.weight": [8],
  "blk.0.attn_norm.weight": [8],
  "blk.0.ffn_norm.weight": [8],
  "blk.0.attn_q.weight": [8, 16],
  "blk.0.attn_k.weight": [8, 8],
  "blk.0.attn_v.weight": [8, 8],
  "blk.0.attn_output.weight": [16, 8],
  "blk.0.ffn_gate.weight": [8, 16],
  "blk.0.ffn_up.weight": [8, 16],
  "blk.0.ffn_down.weight": [16, 8],
};

/** A file with the tensors above, changed: other dims or types, `null` = left out. */
function open(changes: Record<string, { dims?: number[]; type?: string } | null> = {}): Promise<GgufFile> {
  const tensors = [...new Set([...Object.keys(dims), ...Object.keys(changes)])].flatMap(
    (name): TensorSpec[] => {
      const change = changes[name];
      if (change === null) return [];
      const size = change?.dims ?? dims[name]!;
      const type = change?.type ?? "F32";
      const elements = size.reduce((product, n) => product * n, 1);
      const bytes = type === "Q8_0" ? Math.ceil(elements / 32) * 34 : elements * (type === "F32" ? 4 : 2);
      return [{ name, type, dims: size, data: new Uint8Array(bytes) }];
    },
  );
  const bytes = writeGguf({ metadata: { "general.architecture": "llama" }, tensors });
  return parseGguf(async (offset, length) => bytes.subarray(offset, offset + length), bytes.length);
}
const plan = async (changes?: Parameters<typeof open>[0]): Promise<WeightPlan> =>
  planWeights(await open(changes), shape);

describe("planWeights", () => {
  test("stacks Q, K and V, gate and up, where their types agree; ties the output where the file has none", async () => {
    const whole = await plan();
    const { qkv, gateUp } = whole.layers[0]!;
    expect(qkv).toHaveLength(1);
    expect(qkv[0]).toMatchObject({ firstRow: 0, matrix: { type: "F32", rows: 32, columns: 8 } });
    expect(qkv[0]!.matrix.parts.map(part => part.firstRow)).toEqual([0, 16, 24]);
    expect(gateUp[0]!.matrix.parts.map(part => part.firstRow)).toEqual([0, 16]);
    expect(whole.output).toBe(whole.embedding);
    expect(matricesOf(whole)).toHaveLength(5);
    expect(vectorsOf(whole)).toHaveLength(3);
  });

  test("splits them into runs of equal type, each with its place in the whole", async () => {
    const { layers } = await plan({
      "blk.0.attn_v.weight": { type: "F16" },
      "blk.0.ffn_gate.weight": { type: "BF16" },
    });
    expect(layers[0]!.qkv.map(run => [run.firstRow, run.matrix.rows, run.matrix.type])).toEqual([
      [0, 24, "F32"],
      [24, 8, "F16"],
    ]);
    expect(layers[0]!.gateUp.map(run => [run.firstRow, run.matrix.type])).toEqual([
      [0, "BF16"],
      [16, "F32"],
    ]);
    const apart = await plan({ "blk.0.attn_k.weight": { type: "F16" } });
    expect(apart.layers[0]!.qkv.map(run => run.firstRow)).toEqual([0, 16, 24]);
  });

  test("takes an output matrix and RoPE's factors where the file has them", async () => {
    const untied = await plan({
      "output.weight": { dims: [8, 5], type: "F16" },
      "rope_freqs.weight": { dims: [2] },
    });
    expect(untied.output).not.toBe(untied.embedding);
    expect(untied.output.type).toBe("F16");
    expect(untied.ropeFactors?.name).toBe("rope_freqs.weight");
  });

  test("refuses a missing tensor and a wrong shape, and names them", async () => {
    await expect(plan({ "blk.0.ffn_up.weight": null })).rejects.toThrow(/blk\.0\.ffn_up\.weight is missing/);
    const wrong = plan({ "blk.0.attn_k.weight": { dims: [8, 16] } });
    await expect(wrong).rejects.toThrow(/\[8,16\], not \[8,8\]/);
    await expect(wrong).rejects.toBeInstanceOf(ModelFormatError);
    await expect(plan({ "rope_freqs.weight": { dims: [3] } })).rejects.toBeInstanceOf(ModelFormatError);
  });

  test("refuses norms in a block type, and parts that it would not compute", async () => {
    const norm = plan({ "output_norm.weight": { dims: [8, 4], type: "Q8_0" } });
    await expect(norm).rejects.toBeInstanceOf(ModelFormatError);
    const biased = plan({ "blk.0.attn_q.bias": { dims: [16] } });
    await expect(biased).rejects.toBeInstanceOf(UnsupportedModelError);
    await expect(biased).rejects.toMatchObject({
      code: "shape",
      details: { tensors: ["blk.0.attn_q.bias"] },
    });
    await plan({ "blk.0.attn_rot_embd.weight": { dims: [2] } });
  });
});
