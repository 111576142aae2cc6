import { GpuUnavailableError } from "../errors.ts";
import { adapterFacts, requestAdapter } from "../gpu/device.ts";
import type { Support } from "../types.ts";

/** Whether models can run here, on which adapter, with which features and limits, and if not, why not. Never rejects. */
export async function support(): Promise<Support> {
  try {
    const adapter = await requestAdapter();
    return { webgpu: true, reason: "", adapter: adapterFacts(adapter, [...adapter.features]) };
  } catch (error) {
    if (error instanceof GpuUnavailableError) return { webgpu: false, reason: error.message, adapter: null };
    throw error;
  }
}
