// What `model.info.kernels` says: the variants that dispatches were made of, on adapters of each kind.
import { describe, expect, test } from "vitest";
import type { Gpu } from "../../src/gpu/device.ts";
import { Pipelines } from "../../src/gpu/dispatch.ts";
import { dryGpu } from "../../src/gpu/dry.ts";
import { attentionDecode, attentionPrefill } from "../../src/kernels/attention.ts";
import type { Epilogue } from "../../src/kernels/epilogue.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { matvec } from "../../src/kernels/matvec.ts";
import type { Weight } from "../../src/kernels/weights.ts";

const buffer = {} as GPUBuffer;
const weightOf = (rows: number): Weight => ({
  type: "Q4_0",
  rows,
  columns: 256,
  words: buffer,
  scales: buffer,
});
const STORE: Epilogue = { kind: "store", y: buffer };
const SHAPE = { heads: 8, kvHeads: 2, headDim: 64, kvBlocks: 64, scale: 0.125 };
const BUFFERS = { q: buffer, kv: buffer, blockTable: buffer, out: buffer, scratch: buffer, state: buffer };

/** Makes the dispatches of a small model and of one with a large vocabulary. */
async function chosenOn(adapter: Pick<Gpu, "software" | "subgroups" | "subgroupMatrix">) {
  const facts = { fallback: adapter.software };
  const device = { limits: {} };
  const gpu = dryGpu({ ...adapter, f16: true, subgroupMinSize: 32, facts, device } as unknown as Gpu, false);
  const pipelines = new Pipelines(gpu);
  const before = pipelines.chosen;
  const inputs = { epilogue: STORE, x: buffer, state: buffer };
  for (const weight of [weightOf(512), weightOf(512), weightOf(65_536)]) {
    await matvec(pipelines, gpu, { ...inputs, weight });
    await matmul(pipelines, gpu, { ...inputs, weight });
  }
  await attentionPrefill(pipelines, gpu, SHAPE, BUFFERS);
  await attentionDecode(pipelines, gpu, SHAPE, BUFFERS, { longest: 4096 });
  return { before, after: pipelines.chosen };
}

describe("the variants that dispatches were made of", () => {
  test("are none before the first dispatch", async () => {
    const { before } = await chosenOn({ software: false, subgroups: true, subgroupMatrix: false });
    expect(before).toEqual({});
  });

  test("are each named once, kernels and variants in alphabetical order", async () => {
    const { after } = await chosenOn({ software: false, subgroups: true, subgroupMatrix: true });
    expect(Object.keys(after)).toEqual(Object.keys(after).sort());
    expect(after.matvec).toEqual(["subgroups"]);
    expect(after.matmul).toEqual(["matrix-128x128", "matrix-64x64"]);
    for (const kernel of ["attention-decode", "attention-prefill"]) expect(after[kernel]).toHaveLength(1);
  });

  test("change with the adapter", async () => {
    const plain = await chosenOn({ software: false, subgroups: false, subgroupMatrix: false });
    expect(plain.after.matvec).toEqual(["workgroup"]);
    expect(plain.after.matmul).toEqual(["tile-32x64", "tile-64x128"]);
    const software = await chosenOn({ software: true, subgroups: true, subgroupMatrix: false });
    expect(software.after).toEqual({
      "attention-decode": ["software"],
      "attention-prefill": ["software"],
      matmul: ["rows"],
      matvec: ["rows"],
    });
  });
});
