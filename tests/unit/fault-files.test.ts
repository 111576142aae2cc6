/** Files that hung, took gigabytes, crashed or passed where they must not: fit() and load() say the same, at once. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { KernelChoice } from "../../src/kernels/choice.ts";
import { fitModel } from "../../src/load/fit.ts";
import { loadModel } from "../../src/load/load-model.ts";
import { openModel } from "../../src/model/open-model.ts";
import type { Fit, FitOptions } from "../../src/types.ts";
import { fakeAdapter } from "./support/adapter.ts";
import { faultBytes, parsed } from "./support/fault-files.ts";
import { typed, writeGguf } from "./support/gguf-writer.ts";
import { fakeBrowser } from "./support/storage-browser.ts";

beforeEach(() => {
  fakeBrowser();
  fakeAdapter(128 * 1024 * 1024);
});
afterEach(() => vi.unstubAllGlobals());

const hooks = { signal: new AbortController().signal, onProgress: () => {} };
const fit = (bytes: Uint8Array<ArrayBuffer>, options: FitOptions = {}): Promise<Fit> =>
  fitModel(new Blob([bytes]), options, hooks);
const load = (bytes: Uint8Array<ArrayBuffer>): Promise<unknown> =>
  loadModel(new Blob([bytes]), {}, { ...hooks, choice: {} as KernelChoice });

/** What fit() answers within a second, with the reason that load() gives as an error. */
async function refusal(bytes: Uint8Array<ArrayBuffer>): Promise<{ code: string; message: string }> {
  const started = performance.now();
  const found = await fit(bytes);
  const error = await load(bytes).catch((error: unknown) => error);
  expect(performance.now() - started).toBeLessThan(1000);
  expect(found.fits).toBe(false);
  expect(error).toMatchObject({ code: found.reasons[0]!.code, message: found.reasons[0]!.message });
  return found.reasons[0]!;
}

describe("fit() and load() refuse alike", () => {
  test.each([
    ["block-count-2p25", "bad-gguf", "llama.block_count is 33554432"],
    ["block-count-2p52", "bad-gguf", "llama.block_count is 4503599627370496"],
    ["block-count-2p52-kvheads-0", "bad-gguf", "llama.block_count is 4503599627370496"],
    ["context-2p52", "bad-gguf", "llama.context_length is 4503599627370496"],
    ["gemma3-window-negative", "bad-gguf", "gemma3.attention.sliding_window is -1000"],
    ["fit-nvfp4", "tensor-type", "NVFP4"],
    ["fit-vocabulary-mismatch", "bad-gguf", "vocabulary has 299 tokens, its embedding 300 rows"],
  ])("%s", async (name, code, text) => {
    const reason = await refusal(faultBytes(name));
    expect(reason.code).toBe(code);
    expect(reason.message).toContain(text);
  });

  test.each(["split-count-2p52", "split-count-u32max"])("%s", async name => {
    const error = { code: "bad-gguf", message: expect.stringContaining("split.count") };
    await expect(fit(faultBytes(name))).rejects.toMatchObject(error);
    await expect(load(faultBytes(name))).rejects.toMatchObject(error);
  });

  const float = (value: number) => typed("f32", value);
  test.each<[key: string, value: unknown]>([
    ["block_count", typed("u64", 2 ** 40)],
    ["block_count", typed("i32", -1)],
    ["block_count", float(1.5)],
    ["context_length", 0],
    ["embedding_length", typed("u64", 2 ** 53)],
    ["feed_forward_length", typed("i32", -64)],
    ["feed_forward_length", typed("array", [-64], "i32")],
    ["attention.head_count", typed("u64", 2 ** 50)],
    ["attention.head_count_kv", typed("array", [2 ** 31], "u32")],
    ["attention.key_length", float(Number.NaN)],
    ["attention.value_length", typed("i32", -4)],
    ["attention.layer_norm_rms_epsilon", float(-1)],
    ["attention.layer_norm_rms_epsilon", float(Number.NaN)],
    ["rope.dimension_count", typed("i32", -2)],
    ["rope.freq_base", float(0)],
    ["rope.freq_base", float(Number.POSITIVE_INFINITY)],
    ["rope.scaling.factor", float(-2)],
    ["rope.scaling.original_context_length", 0],
    ["rope.scaling.attn_factor", float(Number.NaN)],
    ["expert_count", typed("i32", -1)],
    ["expert_count", typed("u32", 2 ** 31)],
    ["pooling_type", typed("i64", 2 ** 40)],
  ])("a header whose %s is %o", async (key, value) => {
    const { metadata, tensors } = await parsed(faultBytes("rope-factors-and-yarn"));
    metadata[`llama.${key}`] = value;
    const same = tensors.map(tensor => ({
      ...tensor,
      dims: [...tensor.dims],
      data: new Uint8Array(tensor.bytes),
    }));
    const reason = await refusal(new Uint8Array(writeGguf({ metadata, tensors: same })));
    expect(reason).toMatchObject({ code: "bad-gguf", message: expect.stringContaining(`llama.${key}`) });
  });
});

describe("fit()", () => {
  test.each(["experts-one-tensor-each", "rope-factors-and-yarn", "charsmap-bigint"])(
    "of %s: it runs",
    async name => {
      expect(await fit(faultBytes(name))).toMatchObject({ fits: true, reasons: [] });
    },
  );

  test("of the longest context that there is answers within 2 s", async () => {
    const { metadata, tensors } = await parsed(faultBytes("rope-factors-and-yarn"));
    metadata["llama.context_length"] = 2 ** 24;
    const same = tensors.map(tensor => ({
      ...tensor,
      dims: [...tensor.dims],
      data: new Uint8Array(tensor.bytes),
    }));
    const bytes = new Uint8Array(writeGguf({ metadata, tensors: same }));
    const started = performance.now();
    const found = await fit(bytes, { contextLength: 2 ** 24 });
    expect(performance.now() - started).toBeLessThan(2000);
    expect(found).toMatchObject({ fits: false, reasons: [{ code: "adapter-limit" }] });
    expect(found.longestContext).toBeGreaterThan(1000);
  });
});

test("a file whose tensors are aligned to 4 bytes is read", async () => {
  const { tensors, dataOffset } = await parsed(faultBytes("align4"));
  expect(tensors.map(({ offset }) => offset - dataOffset)).toEqual([0, 16, 28]);
});

test("a vocabulary of two billion rows is no list of a million buffers", async () => {
  const file = await parsed(faultBytes("rope-factors-and-yarn"));
  const tensors = file.tensors.map(tensor =>
    tensor.name === "token_embd.weight" ? { ...tensor, dims: [64, 2 ** 31], bytes: 2 ** 39 } : tensor,
  );
  const started = performance.now();
  expect(() => openModel({ ...file, tensors }, 2 ** 20)).toThrow(
    expect.objectContaining({ code: "adapter-limit" }),
  );
  expect(performance.now() - started).toBeLessThan(500);
});
