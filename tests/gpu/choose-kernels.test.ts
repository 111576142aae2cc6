// The choice of variants by measurement: the samples run, the measurement chooses what can run, and loads take it from storage.
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Buffers } from "../../src/gpu/buffers.ts";
import { type Gpu, openGpu } from "../../src/gpu/device.ts";
import { passTimer } from "../../src/gpu/profiler.ts";
import { candidates, FAMILIES, type Family, type KernelChoice } from "../../src/kernels/choice.ts";
import { chooseKernels, measureKernels } from "../../src/load/choose-kernels.ts";
import { SAMPLES, SampleBuffers } from "../../src/load/kernel-samples.ts";
import { loadFixed, variantsIn } from "./load-support.ts";
import { devices, file, never, open, prompt, watchDevices } from "./session-support.ts";
import { type KernelBench, kernelBench, openTestGpu } from "./support.ts";

const SLOW = 120_000;

describe("a measurement", () => {
  let bench: KernelBench;
  let gpu: Gpu;
  beforeAll(async () => {
    bench = await kernelBench();
    gpu = bench.gpu;
  });
  afterEach(() => bench.run([])); // fails on GPU errors
  afterAll(() => bench.close());

  test.for(FAMILIES.map(family => [family]))(
    "has a sample of %s that the adapter accepts, in every variant",
    async ([family], { skip }) => {
      skip(gpu.software, "software adapters measure nothing");
      const { pipelines } = bench;
      const buffers = new SampleBuffers(gpu);
      const variants = candidates(gpu, family!);
      for (const variant of variants) {
        const choice = { [family!]: variant };
        const { dispatches, rows } = await SAMPLES[family!]({ gpu: { ...gpu, choice }, pipelines, buffers });
        expect(dispatches.length).toBeGreaterThan(0);
        await bench.run(dispatches, rows);
      }
      expect(variantsIn(pipelines.chosen)[family!]).toEqual([...variants].sort());
      buffers.destroy();
    },
  );

  test("takes the CPU's clock where the GPU tells no time", async ({ skip }) => {
    skip(gpu.software, "software adapters measure nothing");
    const buffers = new SampleBuffers(gpu);
    const sample = await SAMPLES.matvec({ gpu, pipelines: bench.pipelines, buffers });
    const { features } = gpu.device;
    Object.defineProperty(gpu.device, "features", { value: new Set(), configurable: true });
    try {
      const timer = await passTimer(gpu, { ...sample, most: 8, prepare: () => {}, signal: never });
      const microseconds = await timer();
      expect(microseconds).toBeGreaterThan(10);
      expect(microseconds).toBeLessThan(10e6);
    } finally {
      Object.defineProperty(gpu.device, "features", { value: features });
      buffers.destroy();
    }
  });

  test("chooses of what the adapter can run, and gives its memory back", async ({ skip }) => {
    const families = severalOf(gpu);
    skip(families.length === 0, "nothing to choose on this adapter");
    const made = vi.spyOn(Buffers.prototype, "destroy");
    const choice = await measureKernels(gpu, families, never);
    expect(made).toHaveBeenCalledTimes(1);
    made.mockRestore();
    expect(Object.keys(choice)).toEqual(families);
    for (const family of families) expect(candidates(gpu, family)).toContain(choice[family]);
  });

  test("leaves out a variant that the adapter does not accept", async ({ skip }) => {
    skip(gpu.software, "software adapters measure nothing");
    const without = await openTestGpu({ subgroups: false, tolerant: true });
    try {
      const boasting: Gpu = { ...without, subgroups: true, subgroupMinSize: 8 };
      expect(candidates(boasting, "matvec")[0]).toBe("subgroups");
      expect(await measureKernels(boasting, ["matvec"], never)).toEqual({ matvec: "workgroup" });
    } finally {
      without.destroy();
    }
  });

  test("ends when it is aborted", async ({ skip }) => {
    const families = severalOf(gpu);
    skip(families.length === 0, "nothing to choose on this adapter");
    await expect(measureKernels(gpu, families, AbortSignal.abort("enough"))).rejects.toBe("enough");
  });
});

describe("a load", () => {
  beforeAll(() => watchDevices());
  beforeEach(() => {
    vi.stubGlobal("indexedDB", new IDBFactory());
    vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  });
  afterEach(() => vi.unstubAllGlobals());

  test("measures where there is something to choose, and the next one takes what was found", {
    timeout: SLOW,
  }, async () => {
    const gpu = await openGpu();
    const several = severalOf(gpu).length > 0;
    const measure = vi.fn(measureKernels);
    const options = { signal: never, measure, limitMs: SLOW };
    const choose = (): Promise<KernelChoice> =>
      chooseKernels(gpu, () => openGpu({ tolerant: true }), options);
    const choice = await choose();
    expect(Object.keys(choice)).toEqual(severalOf(gpu));
    expect(measure).toHaveBeenCalledTimes(several ? 1 : 0);
    expect(await choose()).toEqual(choice);
    expect(measure).toHaveBeenCalledTimes(several ? 1 : 0);
    gpu.destroy();
    const opened = devices.length;
    const session = await open();
    expect(devices.length).toBe(opened + 1); // none to measure on
    await session.dispose();
  });

  test("that is told what to run measures nothing", { timeout: SLOW }, async ({ skip }) => {
    const gpu = await openGpu();
    gpu.destroy();
    const families = severalOf(gpu);
    skip(families.length === 0, "nothing to choose on this adapter");
    const opened = devices.length;
    const choice = Object.fromEntries(families.map(family => [family, candidates(gpu, family).at(-1)!]));
    const session = await loadFixed(file, { contextLength: 64 }, choice);
    expect(devices.length).toBe(opened + 1);
    const ran = variantsIn(session.info.kernels);
    for (const family of families) expect(ran[family]).toEqual([choice[family]]);
    await session.dispose();
  });

  test("runs the variants that were remembered, with the same answer", { timeout: SLOW }, async ({
    skip,
  }) => {
    const gpu = await openGpu();
    const families = severalOf(gpu);
    const others = families.map(family => [family, candidates(gpu, family).at(-1)]);
    const measure = async (): Promise<KernelChoice> => Object.fromEntries(others);
    const generate = async () => {
      const codes = vi.spyOn(GPUDevice.prototype, "createShaderModule");
      const session = await open();
      const texts = codes.mock.calls.map(([{ label, code }]) => ({ label, code }));
      codes.mockRestore();
      const { ids } = await session.generate(prompt, { temperature: 0, maxTokens: 6 }, never, () => {});
      await session.dispose();
      const products = texts.filter(({ label }) => label === "matvec");
      return { ids, bySubgroups: products.filter(({ code }) => code.includes("enable subgroups")).length };
    };
    skip(!families.includes("matvec"), "nothing to choose on this adapter");
    const usual = await withoutStorage(generate);
    await chooseKernels(gpu, () => openGpu({ tolerant: true }), { signal: never, measure });
    gpu.destroy();
    const chosen = await generate();
    expect(usual.bySubgroups).toBeGreaterThan(0);
    expect(chosen.bySubgroups).toBe(0);
    expect(chosen.ids).toEqual(usual.ids);
  });
});

async function withoutStorage<T>(work: () => Promise<T>): Promise<T> {
  const { indexedDB } = globalThis;
  vi.stubGlobal("indexedDB", undefined);
  try {
    return await work();
  } finally {
    vi.stubGlobal("indexedDB", indexedDB);
  }
}

/** Families with something to choose. */
function severalOf(gpu: Gpu): Family[] {
  return FAMILIES.filter(family => candidates(gpu, family).length > 1);
}
