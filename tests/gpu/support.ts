// The adapter that the GPU tests run on: the browser's, or in Node Dawn on the Vulkan driver of VK_DRIVER_FILES.
import { Buffers } from "../../src/gpu/buffers.ts";
import { type Gpu, type GpuOptions, openGpu } from "../../src/gpu/device.ts";
import { type Dispatch, encodeDispatches, Pipelines } from "../../src/gpu/dispatch.ts";
import { readBuffer } from "../../src/gpu/readback.ts";

let instance: Promise<GPU | undefined> | undefined;

async function findGpu(): Promise<GPU | undefined> {
  if (globalThis.navigator?.gpu) return navigator.gpu;
  const name = "webgpu"; // not a literal: the browser run must not try to bundle a Node addon
  const { create, globals } = await import(/* @vite-ignore */ name);
  Object.assign(globalThis, globals);
  const gpu = create([]) as GPU;
  Object.defineProperty(globalThis, "navigator", {
    value: { ...globalThis.navigator, gpu },
    configurable: true,
  });
  return gpu;
}

/** For tests of whole models, which ask `navigator.gpu` themselves. */
export async function provideGpu(): Promise<void> {
  instance ??= findGpu();
  await instance;
}

/** One device per call; destroy it when done. */
export async function openTestGpu(options: GpuOptions = {}): Promise<Gpu> {
  instance ??= findGpu();
  return openGpu(options, await instance);
}

/** Everything a kernel test needs, with helpers that fail on GPU validation errors. */
export async function kernelBench(options: GpuOptions = {}) {
  const gpu = await openTestGpu(options);
  const buffers = new Buffers(gpu);
  const pipelines = new Pipelines(gpu);
  const errors: string[] = [];
  gpu.device.addEventListener("uncapturederror", event => errors.push(event.error.message));
  const upload = (label: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer => {
    const buffer = buffers.storage(label, data.byteLength);
    const padded = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    gpu.device.queue.writeBuffer(buffer, 0, padded);
    return buffer;
  };
  const state = (data: Uint32Array<ArrayBuffer>): GPUBuffer => {
    const buffer = buffers.uniform("state", data.byteLength);
    gpu.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  };
  const run = async (dispatches: readonly Dispatch[], rows = 1, sequences = 1): Promise<void> => {
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encodeDispatches(pass, dispatches, rows, sequences);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
    if (errors.length > 0) throw new Error(`GPU validation: ${errors.join("; ")}`);
  };
  const readF32 = async (buffer: GPUBuffer, count: number): Promise<Float32Array> =>
    new Float32Array(await readBuffer(gpu, buffer, Math.ceil(count / 4) * 16)).subarray(0, count);
  const readU32 = async (buffer: GPUBuffer, count: number): Promise<Uint32Array> =>
    new Uint32Array(await readBuffer(gpu, buffer, Math.ceil(count / 4) * 16)).subarray(0, count);
  const close = (): void => {
    buffers.destroy();
    gpu.destroy();
  };
  return { gpu, buffers, pipelines, upload, state, run, readF32, readU32, close };
}

export type KernelBench = Awaited<ReturnType<typeof kernelBench>>;

/** Deterministic random numbers for fixtures (mulberry32): uniform in [0, 1). */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** `count` numbers, normally distributed around 0 with the given spread. */
export function randomNormal(random: () => number, count: number, spread = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, () => {
    const u = 1 - random();
    return spread * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random());
  });
}

/** Largest |a - b|; NaN anywhere counts as infinite, so that it never passes. */
export function maxError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= worst)) worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return worst;
}
