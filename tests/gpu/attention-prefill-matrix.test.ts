// attention-prefill-matrix: as it is where there are matrix units, elsewhere with the matrices emulated. Queries and
// weights are rounded to f16, half a bit of 11 each, besides the keys and values of the cache.
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Gpu } from "../../src/gpu/device.ts";
import type { KernelCode, Pipelines } from "../../src/gpu/dispatch.ts";
import { type AttentionBuffers, attentionPrefill } from "../../src/kernels/attention.ts";
import { stateBytes } from "../../src/kernels/state.ts";
import { attentionCase, type Extras, type Heads, type Options, shapeOf } from "./attention-support.ts";
import { MATRIX_TIMEOUT_MS, matrixPipelines } from "./matrix-emulation.ts";
import { type KernelBench, kernelBench, maxError } from "./support.ts";

const LIMIT = 4e-3;
/** Workgroup memory that is enough for tiles of 32 keys, and of 64 with heads of 64 elements. */
const SMALL = 36_864;
const LARGE = 49_152;

interface Batch {
  position: number;
  rows: number;
  /** See `attentionCase`. */
  spread?: number;
  halfQueries?: boolean;
}

/** Few shapes, since each is a shader of its own, and many batches. */
const cases: {
  name: string;
  heads: Heads;
  options?: Options & Pick<Extras, "sinks">;
  workgroupBytes?: number;
  kvBlocks?: number;
  batches: Batch[];
  /** In a usual run too: an emulated shader takes half a minute to compile. */
  quick?: boolean;
}[] = [
  ...[32, 64].map(keys => ({
    name: `tiles of ${keys} keys, 2 query heads a KV head, 64 elements`,
    quick: keys === 32,
    heads: [4, 2, 64] as Heads,
    workgroupBytes: keys === 64 ? LARGE : SMALL,
    batches: [
      { position: 0, rows: 1 },
      { position: 0, rows: 33 },
      { position: 37, rows: 5 },
      { position: 61, rows: 70 },
      { position: 255, rows: 1 },
      { position: 256, rows: 64 },
      { position: 303, rows: 81 },
      // maxima grow far, so that results are scaled again
      { position: 200, rows: 50, spread: 20, halfQueries: true },
    ],
  })),
  {
    name: "one KV head of 128 elements",
    heads: [2, 1, 128],
    batches: [
      { position: 0, rows: 33 },
      { position: 61, rows: 20 },
      { position: 200, rows: 40, spread: 20, halfQueries: true },
    ],
  },
  {
    name: "80 elements, 3 query heads a KV head, all tokens seen by all",
    heads: [6, 2, 80],
    options: { causal: false },
    batches: [
      { position: 0, rows: 33 },
      { position: 19, rows: 40 },
    ],
  },
  {
    name: "96 elements, a window in a ring, capped scores and sinks",
    quick: true,
    heads: [3, 3, 96],
    options: { window: 33, softcap: 3, sinks: true },
    kvBlocks: 6,
    batches: [
      { position: 305, rows: 45 },
      { position: 0, rows: 60 },
      // far beyond f16, and far past the cap
      { position: 70, rows: 40, spread: 1e6 },
    ],
  },
  {
    name: "tiles of 64 keys, a window and sinks",
    heads: [9, 3, 64],
    options: { window: 40, sinks: true },
    workgroupBytes: LARGE,
    batches: [
      { position: 5, rows: 150 },
      { position: 200, rows: 20 },
    ],
  },
];

describe("attention-prefill-matrix", () => {
  let bench: KernelBench;
  let pipelines: Pipelines;
  beforeAll(async () => {
    bench = await kernelBench();
    pipelines = matrixPipelines(bench);
  });
  afterAll(() => bench.close());

  /** As the kernel sees it: the emulation needs no workgroup memory. */
  const gpuWith = (maxComputeWorkgroupStorageSize: number): Gpu => {
    const device = { limits: { maxComputeWorkgroupStorageSize } } as GPUDevice;
    return { ...bench.gpu, software: false, device };
  };

  test.for(cases)(
    "equals the reference with $name",
    { timeout: MATRIX_TIMEOUT_MS },
    async ({ heads, options = {}, workgroupBytes = SMALL, kvBlocks = 24, batches, quick }, { skip }) => {
      skip(!bench.gpu.f16, "no f16 on this adapter");
      skip(!inject("long") && !quick, "npm run test:long");
      const { subgroupMatrix, device } = bench.gpu;
      const offered = device.limits.maxComputeWorkgroupStorageSize;
      skip(subgroupMatrix && offered < workgroupBytes, "too little workgroup memory");
      const gpu = gpuWith(workgroupBytes);
      const { sinks, ...others } = options;
      const shape = shapeOf(heads, kvBlocks, others);
      for (const { position, rows, ...queries } of batches) {
        const extras = { sinks, ...queries };
        const { buffers, expected, read } = attentionCase(bench, shape, position, rows, extras);
        await bench.run([await attentionPrefill(pipelines, gpu, shape, buffers, "matrix")], rows);
        expect(maxError(await read(), expected), `${rows} rows at ${position}`).toBeLessThan(LIMIT);
      }
    },
  );

  test("leaves the output alone once the sequence is finished", { timeout: MATRIX_TIMEOUT_MS }, async ({
    skip,
  }) => {
    skip(!bench.gpu.f16, "no f16 on this adapter");
    const shape = shapeOf([4, 2, 64], 24);
    const gpu = gpuWith(SMALL);
    const { buffers, read, expected } = attentionCase(bench, shape, 0, 20);
    const ended = stateBytes({ position: 0, rows: 20, finished: true, generated: 0 });
    bench.gpu.device.queue.writeBuffer(buffers.state, 0, ended);
    await bench.run([await attentionPrefill(pipelines, gpu, shape, buffers, "matrix")], 20);
    expect(maxError(await read(), new Float32Array(expected.length))).toBe(0);
  });

  const chosenCode = async (gpu: Gpu, headDim: number): Promise<KernelCode> => {
    const codes: KernelCode[] = [];
    const noting = {
      dispatch: async (_: string, code: KernelCode) => {
        codes.push(code);
        return {};
      },
    } as unknown as Pipelines;
    await attentionPrefill(noting, gpu, shapeOf([4, 2, headDim], 24), {} as AttentionBuffers);
    return codes[0]!;
  };

  test("is chosen where there are matrix units and heads of a size that suits them", async () => {
    const chosen = async (subgroupMatrix: boolean, headDim: number): Promise<string> =>
      (await chosenCode({ ...gpuWith(LARGE), subgroupMatrix }, headDim)).shader;
    expect(await chosen(true, 64)).toBe("attention-prefill-matrix");
    expect(await chosen(true, 128)).toBe("attention-prefill-matrix");
    expect(await chosen(true, 256)).toBe("attention-prefill");
    expect(await chosen(false, 64)).toBe("attention-prefill");
  });

  test("takes tiles of 64 keys where heads of 64 elements leave room for them", async () => {
    const blocks = async (bytes: number, headDim: number): Promise<number | undefined> =>
      (await chosenCode({ ...gpuWith(bytes), subgroupMatrix: true }, headDim)).sizes?.BLOCKS;
    expect(await blocks(LARGE, 64)).toBe(4);
    expect(await blocks(SMALL, 64)).toBe(2);
    expect(await blocks(LARGE, 128)).toBe(2);
  });
});
