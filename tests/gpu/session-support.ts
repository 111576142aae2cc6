// A model so small that what is measured with it is the joining of the parts, not the arithmetic.

import type { Session } from "../../src/engine/session.ts";
import { loadModel } from "../../src/load/load-model.ts";
import { syntheticModel } from "./model-support.ts";
import { provideGpu } from "./support.ts";

export const CONTEXT = 64;
export const LAYERS = 2;
export const never = new AbortController().signal;
export const END = 2; // </s>
export const { file } = syntheticModel({
  seed: 5,
  layers: LAYERS,
  hidden: 40,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  feedForward: 56,
  vocabulary: 131,
  normEpsilon: 1e-6,
  contextLength: 256,
});
export const prompt = { ids: [5, 17, 99, 23] };
export const long = { ids: Array.from({ length: CONTEXT }, (_, index) => 3 + index) };

/** Devices in the order of their making. */
export const devices: GPUDevice[] = [];

/** Without storage a load measures no kernels, so that each opens one device, also on real GPUs. */
export async function watchDevices(): Promise<void> {
  await provideGpu();
  Object.defineProperty(globalThis, "indexedDB", { value: undefined, configurable: true, writable: true });
  const { gpu } = navigator;
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async options => {
    const adapter = await requestAdapter(options);
    if (!adapter) return adapter;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async descriptor => {
      const device = await requestDevice(descriptor);
      devices.push(device);
      return device;
    };
    return adapter;
  };
}

export const open = (): Promise<Session> =>
  loadModel(file, { contextLength: CONTEXT }, { signal: never, onProgress: () => {} });

/** Fails where a hang would otherwise eat the test's whole time. */
export function soon<T>(work: Promise<T>, ms = 20_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not settled after ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
