/** The loss of a GPU: how it is noticed, and how what waits for the GPU ends by it. */
import { DeviceLostError } from "../errors.ts";

/** What can be lost. */
export interface Losable {
  /** Rejects with DeviceLostError when the GPU is lost for another reason than its own `destroy()`. */
  readonly lost: Promise<never>;
}

/** A lost device fails what waits for it a little before it says that it is lost. Milliseconds. */
const LOSS_DELAY_MS = 500;

/**
 * A device's `lost`, which also rejects when anybody else destroyed the device, and on an error that nothing captured: what
 * the GPU computes from there on cannot be trusted.
 * @param tolerant such an error is none. Default false
 */
export function watchDevice(device: GPUDevice, tolerant = false): Losable & { destroy(): void } {
  let ending = false;
  const lost = new Promise<never>((_, reject) => {
    void device.lost.then(({ message }) => {
      if (ending) return;
      reject(
        new DeviceLostError(
          "device-lost",
          `The GPU was lost: ${message || "no message"}. Load the model again.`,
        ),
      );
    });
    device.addEventListener("uncapturederror", ({ error }) => {
      if (tolerant) return;
      reject(
        new DeviceLostError(
          "gpu-error",
          `The GPU reported an error, so its results cannot be trusted: ${error.message}. Load the model again; if it stays, update browser and graphics driver.`,
          { details: { message: error.message } },
        ),
      );
    });
  });
  lost.catch(() => {}); // calls wait for it as well; with none under way there is nobody to tell
  return {
    lost,
    destroy() {
      ending = true;
      device.destroy();
    },
  };
}

/** Who waits for work on a GPU, by its `lost`; `null` once it is lost. */
const waiting = new WeakMap<Promise<never>, Set<(reason: unknown) => void> | null>();

/**
 * What `work` gives, or what `lost` rejects with. `Promise.race` would leave a reaction, and with it the result, at a
 * promise that lives as long as the model: up to 400 bytes a call in Chrome 156, whole answers in Chrome 113.
 */
export function unlessLost<T>({ lost }: Losable, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let set = waiting.get(lost);
    if (set === null) {
      work.catch(() => {}); // nobody else waits for it
      return void lost.catch(reject);
    }
    if (!set) {
      const all = new Set<(reason: unknown) => void>();
      waiting.set(lost, (set = all));
      lost.catch(reason => {
        waiting.set(lost, null);
        for (const tell of all) tell(reason);
      });
    }
    const all = set;
    all.add(reject);
    work.then(resolve, reject).finally(() => all.delete(reject));
  });
}

/** The signal, which also ends with the loss of the GPU: a download notices that no other way. */
export function untilLost(gpu: Losable, signal: AbortSignal): AbortSignal {
  const loss = new AbortController();
  gpu.lost.catch(error => loss.abort(error));
  return AbortSignal.any([signal, loss.signal]);
}

/**
 * Rethrows an error by its cause: the browser fails what waits for a lost GPU with a bare DOMException, and the making of a
 * mapped buffer, when the GPU's process is gone, with a RangeError about its size.
 * @throws DeviceLostError where the GPU was lost, else `error`
 */
export async function rethrowLoss(gpu: Losable, error: unknown): Promise<never> {
  if (error instanceof DOMException || error instanceof RangeError) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise(resolve => (timer = setTimeout(resolve, LOSS_DELAY_MS)));
    await unlessLost(gpu, enough).finally(() => clearTimeout(timer));
  }
  throw error;
}
