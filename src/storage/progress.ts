/** Progress of one phase of a load: bytes, speed, time left. */
import type { LoadPhase, LoadProgress, Retry } from "../types.ts";

/** Reports are at least this far apart, except the first and the last. Milliseconds. */
const REPORT_EVERY_MS = 100;
/** Speed is the mean over this time. Shorter jumps about, longer hides that the network stalled. Milliseconds. */
const WINDOW_MS = 5000;
/** No speed before this much was seen: the first figures are wild. Milliseconds. */
const SETTLE_MS = 300;

/** Nothing of the header is counted. */
export function headerProgress(totalBytes: number, retry?: Retry): LoadProgress {
  const progress = {
    phase: "header",
    loadedBytes: 0,
    totalBytes,
    bytesPerSecond: 0,
    secondsLeft: null,
  } as const;
  return retry ? { ...progress, retry } : progress;
}

export interface ProgressMeterOptions {
  phase: LoadPhase;
  /** Bytes of the whole phase. */
  totalBytes: number;
  /** Bytes done before, that no time was spent on now. Default 0. */
  loadedBytes?: number;
  /** Gets the reports, about ten a second at most. */
  report?: ((progress: LoadProgress) => void) | undefined;
  /** Clock in milliseconds, for tests. Default `performance.now`. */
  now?: () => number;
}

export class ProgressMeter {
  readonly #options: ProgressMeterOptions;
  readonly #now: () => number;
  /** Times and byte counts of the last `WINDOW_MS`, the oldest first. */
  #samples: { ms: number; bytes: number }[];
  #loaded: number;
  #reported = Number.NEGATIVE_INFINITY;

  constructor(options: ProgressMeterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#loaded = options.loadedBytes ?? 0;
    this.#samples = [{ ms: this.#now(), bytes: this.#loaded }];
    this.#report();
  }

  /** `bytes` more are done. */
  add(bytes: number): void {
    this.set(this.#loaded + bytes);
  }

  /** `bytes` are done in all. May be fewer than before, when work was lost. */
  set(bytes: number): void {
    this.#loaded = bytes;
    if (this.#now() - this.#reported >= REPORT_EVERY_MS) this.#report();
  }

  /** A request will be sent again. */
  retry(retry: Retry): void {
    this.#report(retry);
  }

  /** The phase is over: reports the whole as done. */
  finish(): void {
    this.#loaded = this.#options.totalBytes;
    this.#report();
  }

  #report(retry?: Retry): void {
    const ms = this.#now();
    this.#reported = ms;
    this.#samples.push({ ms, bytes: this.#loaded });
    while (this.#samples.length > 2 && ms - this.#samples[1]!.ms >= WINDOW_MS) this.#samples.shift();
    const oldest = this.#samples[0]!;
    const settled = ms - oldest.ms >= SETTLE_MS;
    const bytesPerSecond = settled
      ? Math.max(0, ((this.#loaded - oldest.bytes) / (ms - oldest.ms)) * 1000)
      : 0;
    const left = Math.max(0, this.#options.totalBytes - this.#loaded);
    const secondsLeft = left === 0 ? 0 : bytesPerSecond > 0 ? left / bytesPerSecond : null;
    const { phase, totalBytes } = this.#options;
    const progress = { phase, loadedBytes: this.#loaded, totalBytes, bytesPerSecond, secondsLeft };
    this.#options.report?.(retry ? { ...progress, retry } : progress);
  }
}
