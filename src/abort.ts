/** Waiting that an AbortSignal ends. */

/** Resolves after `ms`; rejects with the signal's reason when that comes first. */
export function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * What `work` gives, or the signal's reason `graceMs` after it is aborted (default: at once); the work itself then runs out
 * unheard. Unlike `Promise.race` it leaves nothing behind at a signal that outlives it.
 */
export function abortable<T>(work: Promise<T>, signal: AbortSignal, graceMs = 0): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const give = (): void => reject(signal.reason);
    const stop = (): void => {
      if (graceMs === 0) give();
      else timer = setTimeout(give, graceMs);
    };
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    work.then(
      value => {
        done();
        resolve(value);
      },
      error => {
        done();
        reject(error);
      },
    );
  });
}
