import { describe, expect, test } from "vitest";
import { DeviceLostError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { rethrowLoss, watchGpu } from "../../src/runtime/gpu-health.ts";

/** A device that a test can lose. */
function open() {
  let lose = (_: { reason: string; message: string }): void => {};
  const device = Object.assign(new EventTarget(), { lost: new Promise(resolve => (lose = resolve)) });
  const destroy = (): void => lose({ reason: "destroyed", message: "destroyed" });
  const gpu = { device, lost: new Promise(() => {}), destroy } as unknown as Gpu;
  return { gpu: watchGpu(gpu), device, destroy };
}

describe("watchGpu", () => {
  test("an error that nothing captured counts as a lost GPU, with the browser's words", async () => {
    const { gpu, device } = open();
    device.dispatchEvent(
      Object.assign(new Event("uncapturederror"), { error: { message: "binding 3 is missing" } }),
    );
    await expect(gpu.lost).rejects.toBeInstanceOf(DeviceLostError);
    await expect(gpu.lost).rejects.toMatchObject({
      code: "gpu-error",
      details: { message: "binding 3 is missing" },
    });
  });

  test("a device that others destroyed is lost, one that this GPU destroyed itself is not", async () => {
    const other = open();
    other.destroy();
    await expect(other.gpu.lost).rejects.toMatchObject({ code: "device-lost" });
    const own = open();
    own.gpu.destroy();
    const quiet = new Promise(resolve => setTimeout(resolve, 5, "quiet"));
    expect(await Promise.race([own.gpu.lost, quiet])).toBe("quiet");
  });

  test("what a lost GPU made fail is told as the loss; other errors stay as they are", async () => {
    const { gpu, destroy } = open();
    const error = new DOMException("mapping failed", "AbortError");
    await expect(rethrowLoss(gpu, error)).rejects.toBe(error);
    await expect(rethrowLoss(gpu, "text")).rejects.toBe("text");
    setTimeout(destroy, 5);
    await expect(rethrowLoss(gpu, error)).rejects.toBeInstanceOf(DeviceLostError);
  });
});
