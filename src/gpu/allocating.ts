import type { Gpu } from "./device.ts";

/** What `allocate` makes (in one go, without waiting), and the error of a GPU that has no room for it. */
export async function allocating<T>(
  gpu: Gpu,
  allocate: () => T,
): Promise<{ made: T; error: GPUError | null }> {
  const { device } = gpu;
  device.pushErrorScope("out-of-memory");
  let scope: Promise<GPUError | null> | undefined;
  try {
    const made = allocate();
    scope = device.popErrorScope();
    return { made, error: await scope };
  } finally {
    if (!scope) void device.popErrorScope().catch(() => {}); // `allocate` threw: that is the news
  }
}
