import type { Gpu } from "./device.ts";

/** Who waits for work on a GPU, by its `lost`; `null` once it is lost. */
const waiting = new WeakMap<Promise<never>, Set<(reason: unknown) => void> | null>();

/**
 * What `work` gives, or what `lost` rejects with. `Promise.race` would leave a reaction, and with it the result, at a
 * promise that lives as long as the model: up to 400 bytes a call in Chrome 156, whole answers in Chrome 113.
 */
export function unlessLost<T>({ lost }: Pick<Gpu, "lost">, work: Promise<T>): Promise<T> {
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
