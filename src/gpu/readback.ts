import type { Gpu } from "./device.ts";
import { unlessLost } from "./loss.ts";

/** Copies a buffer's bytes to the CPU through a staging buffer of its own. For logits and tests, not for the decode loop. */
export async function readBuffer(
  gpu: Gpu,
  source: GPUBuffer,
  bytes = source.size,
  offset = 0,
): Promise<ArrayBuffer> {
  const staging = gpu.device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  try {
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, offset, staging, 0, bytes);
    gpu.device.queue.submit([encoder.finish()]);
    await unlessLost(gpu, staging.mapAsync(GPUMapMode.READ));
    return staging.getMappedRange().slice(0);
  } finally {
    staging.destroy();
  }
}
