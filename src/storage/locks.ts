/** One holder per name over all tabs and workers of this origin (Web Locks). Freed by the browser when a tab dies. */

export type Release = () => void;

/** Whether the browser has Web Locks. Without them two tabs may download the same model twice; both copies are sound. */
const manager = (): LockManager | undefined => globalThis.navigator?.locks;

/** Takes the lock if it is free; `null` if another holds it. Without Web Locks it is always free. */
export function tryLock(name: string): Promise<Release | null> {
  return request(name, { ifAvailable: true });
}

/** Waits for the lock. Rejects with the signal's reason when that comes first. */
export async function lock(name: string, signal: AbortSignal | undefined): Promise<Release> {
  const release = await request(name, signal ? { signal } : {});
  if (!release) throw new Error(`navigator.locks gave no lock for "${name}" though it was asked to wait.`);
  return release;
}

async function request(name: string, options: LockOptions): Promise<Release | null> {
  const locks = manager();
  if (!locks) return () => {};
  return new Promise((resolve, reject) => {
    // The lock is held for as long as the promise that the callback returns is pending.
    locks
      .request(name, options, granted => {
        if (!granted) return resolve(null);
        return new Promise<void>(release => resolve(() => release()));
      })
      .catch(reject);
  });
}
