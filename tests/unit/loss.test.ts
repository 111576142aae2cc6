import { describe, expect, test, vi } from "vitest";
import { DeviceLostError } from "../../src/errors.ts";
import { rethrowLoss, untilLost, watchDevice } from "../../src/gpu/loss.ts";
import { listModels } from "../../src/storage/cache.ts";
import { openUrl } from "../../src/storage/open-url.ts";
import { fakeBrowser } from "./support/storage-browser.ts";
import { someBytes, TUNING } from "./support/storage-bytes.ts";
import { FileServer } from "./support/storage-server.ts";

/** A device that a test can lose. */
function open() {
  let lose = (_: { reason: string; message: string }): void => {};
  const device = Object.assign(new EventTarget(), { lost: new Promise(resolve => (lose = resolve)) });
  const destroy = (): void => lose({ reason: "destroyed", message: "destroyed" });
  const gpu = watchDevice(Object.assign(device, { destroy }) as unknown as GPUDevice);
  return { gpu, device, destroy };
}

describe("watchDevice", () => {
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

  test("but not where what is tried there may be refused", async () => {
    const { device } = open();
    const tolerant = watchDevice(device as unknown as GPUDevice, true);
    device.dispatchEvent(
      Object.assign(new Event("uncapturederror"), { error: { message: "no such variant" } }),
    );
    const quiet = new Promise(resolve => setTimeout(resolve, 5, "quiet"));
    expect(await Promise.race([tolerant.lost, quiet])).toBe("quiet");
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
    // what Chromium makes of a mapped buffer when the GPU's process is gone
    const size = new RangeError("createBuffer failed, size (64) is too large for the implementation");
    await expect(rethrowLoss(gpu, size)).rejects.toBeInstanceOf(DeviceLostError);
  });

  test("a download ends with the loss at once, and what was downloaded stays", async () => {
    fakeBrowser();
    const file = someBytes(TUNING.chunkBytes * 3);
    const server = await FileServer.start(file);
    server.fault = ({ range }) => (range!.start >= TUNING.chunkBytes ? new Promise(() => {}) : false);
    const { gpu, destroy } = open();
    const signal = untilLost(gpu, new AbortController().signal);
    const source = await openUrl(server.url, { tuning: TUNING, signal });
    const reading = async (): Promise<void> => {
      for await (const _ of source.stream()) setTimeout(destroy, 5);
    };
    const started = performance.now();
    await expect(reading()).rejects.toBeInstanceOf(DeviceLostError);
    expect(performance.now() - started).toBeLessThan(1000);
    source.close();
    expect(await listModels()).toMatchObject([{ storedBytes: TUNING.chunkBytes }]);
    await server.close();
    vi.unstubAllGlobals();
  });

  test("the caller's own reason comes through as it is", () => {
    const caller = new AbortController();
    const signal = untilLost(open().gpu, caller.signal);
    caller.abort("enough");
    expect(signal.reason).toBe("enough");
  });
});
