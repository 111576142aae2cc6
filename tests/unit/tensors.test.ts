import { describe, expect, test } from "vitest";
import { DoesNotFitError, ModelFormatError, UnsupportedModelError } from "../../src/errors.ts";
import { type GgufFile, parseGguf } from "../../src/gguf/gguf.ts";
import { weightLayout } from "../../src/kernels/weights.ts";
import { openModel } from "../../src/model/open-model.ts";
import { type Linear, type StackPart, TensorFile, Tensors } from "../../src/model/tensors.ts";
import { type TensorSpec, writeGguf } from "./support/gguf-writer.ts";

const PLENTY = 2 ** 30;

interface Entry {
  dims: number[];
  type?: string;
}

function open(entries: Record<string, Entry>, metadata: Record<string, unknown> = {}): Promise<GgufFile> {
  const blocks: Record<string, [size: number, bytes: number]> = {
    F32: [1, 4],
    F16: [1, 2],
    BF16: [1, 2],
    Q8_0: [32, 34],
  };
  const tensors = Object.entries(entries).map(([name, { dims, type = "F32" }]): TensorSpec => {
    const [size, bytes] = blocks[type]!;
    const elements = dims.reduce((product, n) => product * n, 1);
    return { name, type, dims, data: new Uint8Array(Math.ceil(elements / size) * bytes) };
  });
  const bytes = writeGguf({ metadata: { "general.architecture": "llama", ...metadata }, tensors });
  return parseGguf(async (offset, length) => bytes.subarray(offset, offset + length), bytes.length);
}

async function tensorsOf(entries: Record<string, Entry>, maxBytes = PLENTY) {
  const file = new TensorFile(await open(entries), maxBytes);
  return { file, tensors: new Tensors(file, "") };
}

/** Each run's place, and the places of the tensors in its matrix. */
const layoutOf = ({ runs }: Linear) =>
  runs.map(({ firstRow, matrix }) => ({
    firstRow,
    rows: matrix.rows,
    parts: matrix.parts.map(({ tensor, fromRow, rows, firstRow }) => [tensor.name, fromRow, rows, firstRow]),
  }));

describe("a stack of tensors", () => {
  const stack: StackPart[] = [
    { name: "q", rows: 16 },
    { name: "k", rows: 8 },
    { name: "v", rows: 8 },
  ];
  const dims = (rows: number): Entry => ({ dims: [8, rows] });
  const usual = { "q.weight": dims(16), "k.weight": dims(8), "v.weight": dims(8) };

  test("is one matrix where the types agree", async () => {
    const { tensors, file } = await tensorsOf(usual);
    const linear = tensors.linear(stack, 8);
    expect(linear).toMatchObject({ rows: 32, columns: 8, bias: undefined });
    expect(layoutOf(linear)).toEqual([
      {
        firstRow: 0,
        rows: 32,
        parts: [
          ["q.weight", 0, 16, 0],
          ["k.weight", 0, 8, 16],
          ["v.weight", 0, 8, 24],
        ],
      },
    ]);
    expect([...file.taken.matrices]).toEqual(linear.runs.map(run => run.matrix));
  });

  test.each([
    [
      "v.weight",
      [
        [0, 24],
        [24, 8],
      ],
    ],
    [
      "q.weight",
      [
        [0, 16],
        [16, 16],
      ],
    ],
    [
      "k.weight",
      [
        [0, 16],
        [16, 8],
        [24, 8],
      ],
    ],
  ] as const)("is in runs of equal type where %s has another", async (name, places) => {
    const { tensors } = await tensorsOf({ ...usual, [name]: { ...usual[name], type: "F16" } });
    const { runs } = tensors.linear(stack, 8);
    expect(runs.map(({ firstRow, matrix }) => [firstRow, matrix.rows])).toEqual(places);
    expect(runs.map(({ matrix }) => matrix.type).filter(type => type === "F16")).toHaveLength(1);
  });

  test("has a bias for all rows where one has: the others' places are left at zero", async () => {
    const { tensors, file } = await tensorsOf({
      ...usual,
      "norm.weight": { dims: [6] },
      "q.bias": { dims: [16] },
      "v.bias": { dims: [8], type: "F16" },
      "after.weight": { dims: [3] },
    });
    tensors.vector("norm.weight", 6);
    const { bias } = tensors.linear(stack, 8);
    const after = tensors.vector("after.weight", 3);
    // in units of 4: a norm of 6 takes 2, the bias of 32 takes 8
    expect([bias!.at, after.at]).toEqual([2, 10]);
    expect(bias!.parts.map(part => [part.tensor.name, part.firstElement])).toEqual([
      ["q.bias", 0],
      ["v.bias", 24],
    ]);
    expect(file.taken.blocks).toHaveLength(1);
    expect(file.taken.blocks[0]).toMatchObject({ length: 11 });
    expect(file.taken.blocks[0]!.tensors).toHaveLength(3);
  });

  test("joins no more than the adapter binds at once", async () => {
    const { tensors } = await tensorsOf(usual, weightLayout("F32", 24, 8).wordsBytes);
    expect(layoutOf(tensors.linear(stack, 8)).map(run => [run.firstRow, run.rows])).toEqual([
      [0, 24],
      [24, 8],
    ]);
  });

  test("a tensor that is too large is split by rows, the last part is what is left", async () => {
    const { tensors } = await tensorsOf({ "w.weight": dims(37) }, weightLayout("F32", 15, 8).wordsBytes - 1);
    const linear = tensors.matrix("w", 37, 8);
    expect(layoutOf(linear)).toEqual(
      [0, 12, 24, 36].map(row => ({
        firstRow: row,
        rows: Math.min(12, 37 - row),
        parts: [["w.weight", row, Math.min(12, 37 - row), 0]],
      })),
    );
    expect(linear.rows).toBe(37);
  });

  test("is split at whole heads where RoPE brings rows together", async () => {
    const halves = { head: 12, rotated: 8, rows: 48 };
    const { tensors } = await tensorsOf({ "qkv.weight": dims(72) }, weightLayout("F32", 32, 8).wordsBytes);
    const { runs } = tensors.linear([{ name: "qkv", rows: 72, halves }], 8);
    expect(runs.map(({ firstRow, matrix }) => [firstRow, matrix.rows])).toEqual([
      [0, 24],
      [24, 24],
      [48, 24],
    ]);
    // counted from the tensor's first row, wherever the part begins
    expect(runs.map(({ matrix }) => matrix.parts[0]!.halves)).toEqual([halves, halves, halves]);
  });

  test("is split between gate and up where one tensor holds both", async () => {
    const { tensors } = await tensorsOf({ "up.weight": dims(48) }, weightLayout("F32", 44, 8).wordsBytes);
    const { runs } = tensors.linear({ name: "up", rows: 48, boundary: 24 }, 8);
    expect(runs.map(({ firstRow, matrix }) => [firstRow, matrix.rows])).toEqual([
      [0, 24],
      [24, 24],
    ]);
  });

  test("is split within gate and up too where these are too large", async () => {
    const { tensors } = await tensorsOf({ "up.weight": dims(48) }, weightLayout("F32", 16, 8).wordsBytes);
    const { runs } = tensors.linear({ name: "up", rows: 48, boundary: 24 }, 8);
    expect(runs.map(({ firstRow, matrix }) => [firstRow, matrix.rows])).toEqual([
      [0, 16],
      [16, 8],
      [24, 16],
      [40, 8],
    ]);
  });

  test("rows that do not fit at all are refused", async () => {
    const { tensors } = await tensorsOf(usual, weightLayout("F32", 4, 8).wordsBytes - 1);
    expect(() => tensors.linear(stack, 8)).toThrow(DoesNotFitError);
  });
});

describe("experts", () => {
  const EXPERTS = 3;
  const stack: StackPart[] = [
    { name: "gate", rows: 8 },
    { name: "up", rows: 8 },
  ];
  const entry = (type = "F32"): Entry => ({ dims: [16, 8, EXPERTS], type });

  test("of gate and up lie expert by expert in one matrix", async () => {
    const { tensors } = await tensorsOf({ "gate.weight": entry(), "up.weight": entry() });
    const linear = tensors.expertLinear(stack, 16, EXPERTS);
    expect(linear.rows).toBe(16);
    expect(linear.runs).toHaveLength(1);
    const { matrix } = linear.runs[0]!;
    expect(matrix.rows).toBe(16 * EXPERTS);
    expect(matrix.parts).toMatchObject([
      { fromRow: 0, rows: 24, firstRow: 0, matrices: { rows: 8, stride: 16 } },
      { fromRow: 0, rows: 24, firstRow: 8, matrices: { rows: 8, stride: 16 } },
    ]);
  });

  test("come in several matrices where one would exceed the adapter's binding", async () => {
    const file = { "gate.weight": entry(), "up.weight": entry() };
    const { tensors } = await tensorsOf(file, weightLayout("F32", 40, 16).wordsBytes);
    const { runs } = tensors.expertLinear(stack, 16, EXPERTS);
    expect(runs.map(({ firstRow, held, matrix }) => [firstRow, held, matrix.rows])).toEqual([
      [0, { first: 0, count: 2 }, 32],
      [0, { first: 2, count: 1 }, 16],
    ]);
    expect(runs[1]!.matrix.parts).toMatchObject([
      { fromRow: 16, rows: 8, firstRow: 0, matrices: { rows: 8, stride: 16 } },
      { fromRow: 16, rows: 8, firstRow: 8, matrices: { rows: 8, stride: 16 } },
    ]);
    const { tensors: tight } = await tensorsOf(file, weightLayout("F32", 8, 16).wordsBytes);
    expect(() => tight.expertLinear(stack, 16, EXPERTS)).toThrow(DoesNotFitError);
  });

  test("lie in a matrix for each tensor where their types differ", async () => {
    const { tensors } = await tensorsOf({ "gate.weight": entry(), "up.weight": entry("F16") }, PLENTY);
    const { runs } = tensors.expertLinear(stack, 16, EXPERTS);
    expect(runs.map(({ firstRow, matrix }) => [firstRow, matrix.rows])).toEqual([
      [0, 24],
      [8, 24],
    ]);
    for (const { matrix } of runs) {
      expect(matrix.parts).toMatchObject([{ firstRow: 0, rows: 24, matrices: { rows: 8, stride: 8 } }]);
    }
  });

  test("have biases in the order of the matrices' rows", async () => {
    const biases = { "gate.bias": { dims: [8, EXPERTS] }, "up.bias": { dims: [8, EXPERTS] } };
    const bias = async (type: string) => {
      const { tensors } = await tensorsOf({ "gate.weight": entry(), "up.weight": entry(type), ...biases });
      return tensors
        .expertLinear(stack, 16, EXPERTS)
        .bias!.parts.map(({ firstElement, vectors }) => [firstElement, vectors]);
    };
    expect(await bias("F32")).toEqual([
      [0, { size: 8, stride: 16 }],
      [8, { size: 8, stride: 16 }],
    ]);
    expect(await bias("F16")).toEqual([
      [0, { size: 8, stride: 8 }],
      [24, { size: 8, stride: 8 }],
    ]);
  });
});

describe("shapes and types", () => {
  test("a missing tensor and a wrong shape are refused by name", async () => {
    const { tensors } = await tensorsOf({ "w.weight": { dims: [8, 16] }, "b.bias": { dims: [4, 4] } });
    expect(() => tensors.matrix("absent", 8, 8)).toThrow(/absent\.weight is missing/);
    expect(() => tensors.matrix("w", 8, 8)).toThrow(/w\.weight has the shape \[8,16\], not \[8,8\]/);
    expect(() => tensors.matrix("w", 8, 8)).toThrow(ModelFormatError);
    expect(() => tensors.vector("b.bias", 4)).toThrow(/\[4,4\], not \[4\]/);
  });

  test("axes of one element at the end may be there or not", async () => {
    const { tensors } = await tensorsOf({ "a.weight": { dims: [8, 1] }, "b.weight": { dims: [8] } });
    expect(tensors.vector("a.weight", 8).parts[0]!.tensor.dims).toEqual([8, 1]);
    expect(tensors.matrix("b", 1, 8).rows).toBe(1);
    expect(() => tensors.vector("b.weight", [8, 2])).toThrow(ModelFormatError);
  });

  test("short tensors in a block type are refused", async () => {
    const { tensors } = await tensorsOf({ "norm.weight": { dims: [32], type: "Q8_0" } });
    expect(() => tensors.vector("norm.weight", 32)).toThrow(UnsupportedModelError);
    expect(() => tensors.host("norm.weight", 32)).toThrow(/norm\.weight is Q8_0/);
  });

  test("an optional vector is there or not, a host tensor waits for its values", async () => {
    const { tensors, file } = await tensorsOf({ "a.bias": { dims: [8] }, "factors.weight": { dims: [4] } });
    expect(tensors.optionalVector("a.bias", 8)).toBeDefined();
    expect(tensors.optionalVector("b.bias", 8)).toBeUndefined();
    const host = tensors.host("factors.weight", 4);
    expect(file.taken.host).toEqual([host]);
    expect(host.values).toBeUndefined();
  });
});

describe("openModel", () => {
  const metadata = {
    "llama.block_count": 1,
    "llama.context_length": 64,
    "llama.embedding_length": 8,
    "llama.feed_forward_length": 16,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.attention.key_length": 4,
    "llama.attention.value_length": 4,
    "llama.attention.layer_norm_rms_epsilon": 0.5,
  };
  const llama: Record<string, Entry> = {
    "token_embd.weight": { dims: [8, 5] },
    "output_norm.weight": { dims: [8] },
    "blk.0.attn_norm.weight": { dims: [8] },
    "blk.0.ffn_norm.weight": { dims: [8] },
    "blk.0.attn_q.weight": { dims: [8, 16] },
    "blk.0.attn_k.weight": { dims: [8, 8] },
    "blk.0.attn_v.weight": { dims: [8, 8] },
    "blk.0.attn_output.weight": { dims: [16, 8] },
    "blk.0.ffn_gate.weight": { dims: [8, 16] },
    "blk.0.ffn_up.weight": { dims: [8, 16] },
    "blk.0.ffn_down.weight": { dims: [16, 8] },
  };
  const opened = async (changes: Record<string, Entry> = {}, maxBytes = PLENTY) =>
    openModel(await open({ ...llama, ...changes }, metadata), maxBytes);

  test("takes every tensor of a model, and ties the output where the file has none", async () => {
    const { taken, output, caches, shape } = await opened();
    expect([...taken.matrices].map(matrix => matrix.name).sort()).toEqual([
      "blk.0.attn_output",
      "blk.0.attn_q + attn_k + attn_v",
      "blk.0.ffn_down",
      "blk.0.ffn_gate + ffn_up",
      "token_embd",
    ]);
    expect(output!.matrix.runs[0]!.matrix.name).toBe("token_embd");
    expect(taken.blocks.flatMap(block => block.tensors)).toHaveLength(3);
    expect(caches).toEqual([{ layer: 0, kvHeads: 2, headDim: 4, window: undefined }]);
    expect(shape.vocabulary).toBe(5);
    const untied = await opened({ "output.weight": { dims: [8, 5], type: "F16" } });
    expect(untied.output!.matrix.runs[0]!.matrix).toMatchObject({ name: "output", type: "F16" });
  });

  test("refuses tensors that it would not compute, but for RoPE's own frequencies", async () => {
    const refused = opened({ "blk.0.attn_q.scale": { dims: [16] } });
    await expect(refused).rejects.toBeInstanceOf(UnsupportedModelError);
    await expect(refused).rejects.toMatchObject({
      code: "shape",
      details: { tensors: ["blk.0.attn_q.scale"] },
    });
    await opened({ "blk.0.attn_rot_embd.weight": { dims: [2] } });
  });

  test("refuses an architecture that it does not have, and names those that it has", async () => {
    const file = await open(llama, { "general.architecture": "unheard-of" });
    expect(() => openModel(file, PLENTY)).toThrow(/"unheard-of".*Supported: llama, /);
    expect(() => openModel(file, PLENTY)).toThrow(UnsupportedModelError);
  });

  test("splits whatever the adapter does not bind at once", async () => {
    const { taken } = await opened({}, weightLayout("F32", 4, 16).wordsBytes);
    expect(Math.max(...[...taken.matrices].map(matrix => matrix.rows * matrix.columns))).toBeLessThanOrEqual(
      64,
    );
    const rows = [...taken.matrices].reduce((sum, matrix) => sum + matrix.rows, 0);
    expect(rows).toBe(5 + 32 + 8 + 32 + 8);
  });
});
