import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { fitModel } from "../../src/load/fit.ts";
import { listModels } from "../../src/storage/cache.ts";
import { lock } from "../../src/storage/locks.ts";
import { lockName } from "../../src/storage/names.ts";
import type { Fit, FitOptions } from "../../src/types.ts";
import { type SyntheticSpec, syntheticModel } from "../gpu/model-support.ts";
import { fakeAdapter } from "./support/adapter.ts";
import { typed, writeGguf } from "./support/gguf-writer.ts";
import { splitGguf } from "./support/split-gguf.ts";
import { fakeBrowser } from "./support/storage-browser.ts";
import { FileServer } from "./support/storage-server.ts";

const SPEC: SyntheticSpec = {
  seed: 1,
  layers: 3,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  feedForward: 128,
  vocabulary: 300,
  normEpsilon: 1e-5,
  ropeBase: 10_000,
  ropeDim: 16,
  contextLength: 4096,
  untied: true,
  typeOf: (name: string) => (name.includes("norm") ? "F32" : "Q8_0"),
};
const model = syntheticModel(SPEC).file;
const MIB = 1024 * 1024;

const fit = (from: Parameters<typeof fitModel>[0] = model, options: FitOptions = {}): Promise<Fit> =>
  fitModel(from, options, { signal: new AbortController().signal, onProgress: () => {} });

beforeEach(() => {
  fakeBrowser();
  fakeAdapter(128 * MIB);
});
afterEach(() => vi.unstubAllGlobals());

describe("fit()", () => {
  test("counts weights, keys and values, and scratch", async () => {
    const found = await fit(model, { contextLength: 1024 });
    expect(found).toMatchObject({
      fits: true,
      reasons: [],
      architecture: "llama",
      contextLength: 1024,
      trainedContextLength: 4096,
      longestContext: 4096,
      fileBytes: model.size,
    });
    const { weights, kvCache, scratch, total } = found.bytes!;
    expect(weights + kvCache + scratch).toBe(total);
    // 3 layers, keys and values of 2 heads of 16, f32, and the numbers of 64 pages for each of 8 sequences
    expect(kvCache).toBe(3 * 2 * 1024 * 2 * 16 * 4 + 8 * 64 * 4);
    expect(weights / model.size).toBeGreaterThan(0.8);
    expect(weights / model.size).toBeLessThan(1.1);
    const longer = await fit(model, { contextLength: 2048 });
    expect(longer.bytes!.kvCache).toBe(2 * kvCache);
    expect(longer.bytes!.weights).toBe(weights);
  });

  test("counts keys and values in f16 where the adapter has it", async () => {
    const full = await fit(model, { contextLength: 1024 });
    fakeAdapter(128 * MIB, ["shader-f16"]);
    const half = await fit(model, { contextLength: 1024 });
    const tables = 8 * 64 * 4;
    expect(half.bytes!.kvCache - tables).toBe((full.bytes!.kvCache - tables) / 2);
    const off = await fit(model, { contextLength: 1024, features: { f16: false } });
    expect(off.bytes).toEqual(full.bytes);
  });

  test("of a model larger than the memory says what would fit: a shorter context, a smaller type", async () => {
    const { bytes } = await fit(model, { contextLength: 2048 });
    const memoryBytes = bytes!.total - bytes!.kvCache / 2;
    const found = await fit(model, { contextLength: 2048, memoryBytes });
    expect(found).toMatchObject({ fits: false, reasons: [{ code: "gpu-memory" }], bytes });
    const { longestContext } = found;
    expect(longestContext).toBeGreaterThan(0);
    expect(found.reasons[0]!.message).toContain(`A contextLength of ${longestContext} fits.`);
    expect(await fit(model, { contextLength: longestContext!, memoryBytes })).toMatchObject({ fits: true });
    expect(await fit(model, { contextLength: longestContext! + 16, memoryBytes })).toMatchObject({
      fits: false,
    });

    const less = await fit(model, { contextLength: 64, memoryBytes: bytes!.weights * 0.8 });
    expect(less).toMatchObject({ fits: false, longestContext: 0 });
    const roomy = await fit(model, { contextLength: 64, memoryBytes: bytes!.total * 2 });
    expect(roomy.fittingTypes[0]).toMatch(/F16|F32/);
    const tight = (await fit(model, { contextLength: 64 })).bytes!;
    const half = await fit(model, { contextLength: 64, memoryBytes: tight.total - tight.weights * 0.4 });
    expect(half.fittingTypes).toContain("Q4_0");
    expect(half.fittingTypes).not.toContain("Q8_0");
    expect(half.reasons[0]!.message).toContain(`weights of the type ${half.fittingTypes[0]} or smaller fit`);
  });

  test("of a context beyond the adapter's limits says which would fit", async () => {
    fakeAdapter(MIB / 4); // 1024 positions of a layer's keys and values
    const found = await fit(model, { contextLength: 4000 });
    expect(found).toMatchObject({ fits: false, reasons: [{ code: "adapter-limit" }] });
    expect(found.longestContext).toBeGreaterThan(64);
    expect(found.longestContext).toBeLessThanOrEqual(1024);
    expect(found.reasons[0]!.message).toContain(`A contextLength of ${found.longestContext} fits.`);
    expect(found.bytes!.kvCache).toBeGreaterThan(3 * 2 * 4000 * 2 * 16 * 4);
    expect(await fit(model, { contextLength: found.longestContext! })).toMatchObject({ fits: true });
  });

  test("of a model that cannot run names every reason", async () => {
    const unknown = writeGguf({
      metadata: { "general.architecture": "mamba" },
      tensors: [{ name: "a", type: "I8", dims: [64], data: new Uint8Array(64) }],
    });
    const found = await fit(new Blob([new Uint8Array(unknown)]));
    expect(found).toMatchObject({ fits: false, bytes: null, longestContext: null, architecture: "mamba" });
    const codes = found.reasons.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(["architecture", "tensor-type"]));
    expect(found.reasons.find(({ code }) => code === "architecture")!.message).toMatch(
      /mamba.*Supported: .*llama/,
    );
  });

  test.each(["Q8_1", "I8", "F64"])(
    "of a known architecture with a %s matrix gives that as the reason",
    async type => {
      const whole = new Uint8Array(await model.arrayBuffer());
      const read = async (at: number, length: number) => whole.slice(at, at + length);
      const { metadata, tensors } = await parseGguf(read, whole.length);
      const odd = tensors.map(({ name, dims, type: given }) => ({
        name,
        dims,
        type: name === "blk.1.ffn_up.weight" ? type : given,
        data: new Uint8Array(dims.reduce((product, size) => product * size, 8)),
      }));
      const found = await fit(new Blob([new Uint8Array(writeGguf({ metadata, tensors: odd }))]));
      expect(found).toMatchObject({ fits: false, bytes: null, architecture: "llama" });
      expect(found.reasons.map(({ code }) => code)).toEqual(["tensor-type"]);
      expect(found.reasons[0]!.message).toMatch(
        new RegExp(`${type} \\(1 tensors\\).*Supported: F32, .*Q8_0`),
      );
    },
  );

  test("of a URL fetches the header alone, stores nothing, and waits for no other tab", async () => {
    const header = writeGguf({
      metadata: { "general.architecture": "mamba" },
      tensors: [{ name: "a", type: "F32", dims: [4 * MIB], data: new Uint8Array(0) }],
    });
    const server = await FileServer.start(Buffer.concat([header, new Uint8Array(16 * MIB)]));
    const release = await lock(lockName(server.url), undefined);
    expect(await fit(server.url)).toMatchObject({ fits: false, fileBytes: header.length + 16 * MIB });
    expect(server.requests.map(({ range }) => range)).toEqual([{ start: 0, end: MIB }]);
    expect(await listModels()).toEqual([]);
    vi.stubGlobal("indexedDB", undefined);
    await fit(server.url); // a private window
    release();
    await server.close();
  });

  test("takes a split model's parts", async () => {
    const whole = new Uint8Array(await model.arrayBuffer());
    const parts = await splitGguf(whole, [0, 10, 5, 0]);
    const found = await fit(parts.map(bytes => new Blob([new Uint8Array(bytes)])));
    expect(found).toMatchObject({ fits: true, bytes: (await fit()).bytes });
  });

  test("a stream, a budget or a context that cannot be one, and what is no model are named errors", async () => {
    await expect(fit(async () => null)).rejects.toMatchObject({ name: "InputError", code: "option" });
    await expect(fit(model, { memoryBytes: 0 })).rejects.toMatchObject({ code: "option" });
    for (const contextLength of [1.5, 0, Number.NaN, 2 ** 24 + 1, 2 ** 52])
      await expect(fit(model, { contextLength })).rejects.toMatchObject({ code: "option" });
    await expect(fit(new Blob(["no model"]))).rejects.toMatchObject({ code: "not-gguf" });
    const odd = writeGguf({ metadata: { "split.count": typed("u16", 2) }, tensors: [] });
    await expect(fit(new Blob([new Uint8Array(odd)]))).rejects.toMatchObject({ code: "split-missing" });
  });
});
