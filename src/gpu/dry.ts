import type { Gpu } from "./device.ts";

/** Methods of a device, its queue and its pipelines that building a model calls; none does anything here. */
function dryDevice(limits: GPUSupportedLimits): GPUDevice {
  const pipeline = { getBindGroupLayout: () => ({}) };
  const device = {
    limits,
    queue: { writeBuffer: () => {} },
    createBuffer: ({ label, size }: GPUBufferDescriptor) => ({ label, size, destroy: () => {} }),
    createShaderModule: () => ({}),
    createComputePipelineAsync: async () => pipeline,
    createBindGroup: () => ({}),
  };
  return device as unknown as GPUDevice;
}

/**
 * A stand-in for a GPU that makes nothing: a model built on it takes no memory, and its `Buffers` tell what it would take.
 * @param limited whether buffers keep to the adapter's limits
 */
export function dryGpu(gpu: Gpu, limited: boolean): Gpu {
  const unlimited = {
    maxBufferSize: Number.POSITIVE_INFINITY,
    maxStorageBufferBindingSize: Number.POSITIVE_INFINITY,
  };
  const { limits } = gpu.device;
  const device = dryDevice(limited ? limits : ({ ...unlimited } as GPUSupportedLimits));
  return { ...gpu, device, destroy: () => {} };
}
