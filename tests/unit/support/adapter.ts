import { vi } from "vitest";

/** An adapter of these limits, with a device that can only be destroyed. `vi.unstubAllGlobals()` takes it away. */
export function fakeAdapter(limitBytes: number, features: readonly string[] = []): void {
  const limits = { maxBufferSize: limitBytes, maxStorageBufferBindingSize: limitBytes };
  const device = { limits, lost: new Promise(() => {}), destroy: () => {}, addEventListener: () => {} };
  const info = { vendor: "test", architecture: "", description: "" };
  const adapter = { info, limits, features: new Set(features), requestDevice: async () => device };
  vi.stubGlobal("GPUBufferUsage", {});
  vi.stubGlobal("navigator", { ...navigator, gpu: { requestAdapter: async () => adapter } });
}
