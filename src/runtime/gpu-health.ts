import { DeviceLostError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { unlessLost } from "../gpu/unless-lost.ts";

/** A lost device fails what waits for it a little before it says that it is lost. Milliseconds. */
const LOSS_DELAY_MS = 500;

/**
 * The same GPU, whose `lost` also rejects when anybody but its own `destroy()` ended the device, and on an error that
 * nothing captured: what the GPU computes from there on cannot be trusted.
 */
export function watchGpu(gpu: Gpu): Gpu {
  let ending = false;
  const lost = new Promise<never>((_, reject) => {
    gpu.lost.catch(reject);
    void gpu.device.lost.then(({ message }) => {
      if (ending) return;
      reject(
        new DeviceLostError(
          "device-lost",
          `The GPU was lost: ${message || "no message"}. Load the model again.`,
        ),
      );
    });
    gpu.device.addEventListener("uncapturederror", ({ error }) => {
      reject(
        new DeviceLostError(
          "gpu-error",
          `The GPU reported an error, so its results cannot be trusted: ${error.message}. Load the model again; if it stays, update browser and graphics driver.`,
          { details: { message: error.message } },
        ),
      );
    });
  });
  lost.catch(() => {}); // calls race against it; with none under way there is nobody to tell
  const destroy = (): void => {
    ending = true;
    gpu.destroy();
  };
  return { ...gpu, lost, destroy };
}

/** The signal, which also ends with the loss of the GPU: a download notices that no other way. */
export function untilLost(gpu: Gpu, signal: AbortSignal): AbortSignal {
  const loss = new AbortController();
  gpu.lost.catch(error => loss.abort(error));
  return AbortSignal.any([signal, loss.signal]);
}

/**
 * Rethrows an error by its cause: the browser fails what waits for a lost GPU with a bare DOMException, and the making of a
 * mapped buffer, when the GPU's process is gone, with a RangeError about its size.
 * @throws DeviceLostError where the GPU was lost, else `error`
 */
export async function rethrowLoss(gpu: Gpu, error: unknown): Promise<never> {
  if (error instanceof DOMException || error instanceof RangeError) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise(resolve => (timer = setTimeout(resolve, LOSS_DELAY_MS)));
    await unlessLost(gpu, enough).finally(() => clearTimeout(timer));
  }
  throw error;
}
