/**
 * Which model answers, and which one is on its way. The model in use goes on answering while the next one downloads;
 * it makes room when the next one starts to move into GPU memory.
 */
import { DownloadError, IntabError, type LoadOptions, type LoadProgress, load, type Model } from "intab";
import type { Source } from "./catalog.ts";

export interface Loaded {
  source: Source;
  model: Model;
}

/** `goesOn` = the model that was in use before and still is. */
export type LoadState =
  | { kind: "idle" }
  | { kind: "loading"; source: Source; progress: LoadProgress | null; cancel: () => void }
  | { kind: "cancelled"; source: Source }
  | { kind: "failed"; source: Source; error: unknown; goesOn: Source | null };

export interface SessionEvents {
  /** The load changed. */
  onLoad: (state: LoadState) => void;
  /** The model in use changed; null = none until the next load is done. */
  onModel: (loaded: Loaded | null) => void;
}

export class Session {
  readonly #events: SessionEvents;
  #loaded: Loaded | null = null;
  #abort: AbortController | null = null;
  #loadingFrom: Source["from"] | null = null;

  constructor(events: SessionEvents) {
    this.#events = events;
  }

  get loaded(): Loaded | null {
    return this.#loaded;
  }

  /** What is being loaded, if anything. */
  get loadingFrom(): Source["from"] | null {
    return this.#loadingFrom;
  }

  /** Loads a model and puts it in use. A newer call replaces an older one that is not done. */
  async open(source: Source, options: Pick<LoadOptions, "contextLength" | "token"> = {}): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#loadingFrom = source.from;
    const isCurrent = () => this.#abort === abort;
    const onProgress = (progress: LoadProgress) => {
      if (!isCurrent() || abort.signal.aborted) return;
      if (progress.phase !== "download" && progress.phase !== "header") void this.release();
      this.#events.onLoad({ kind: "loading", source, progress, cancel: () => abort.abort() });
    };
    this.#events.onLoad({ kind: "loading", source, progress: null, cancel: () => abort.abort() });
    try {
      const model = await load(source.from, { ...options, onProgress, signal: abort.signal });
      if (abort.signal.aborted) {
        await model.dispose();
        abort.signal.throwIfAborted();
      }
      await this.release();
      this.#done(isCurrent());
      // Once it is stored, it is the address in the cache that tells it apart from others.
      this.#loaded = { source: { ...source, from: model.info.url ?? source.from }, model };
      this.#events.onLoad({ kind: "idle" });
      this.#events.onModel(this.#loaded);
    } catch (error) {
      if (!isCurrent()) return;
      this.#done(true);
      const { mirror } = source;
      if (mirror !== undefined && !abort.signal.aborted && error instanceof DownloadError) {
        return this.open({ ...source, from: mirror, mirror: undefined }, options);
      }
      if (abort.signal.aborted) this.#events.onLoad({ kind: "cancelled", source });
      else this.#events.onLoad({ kind: "failed", source, error, goesOn: this.#loaded?.source ?? null });
    }
  }

  /** Clears a message about a load that ended. */
  dismiss(): void {
    if (!this.#abort) this.#events.onLoad({ kind: "idle" });
  }

  /** Frees the model in use. */
  async release(): Promise<void> {
    const loaded = this.#loaded;
    if (!loaded) return;
    this.#loaded = null;
    this.#events.onModel(null);
    try {
      await loaded.model.dispose();
    } catch (error) {
      // A lost device cannot be asked to free anything, and has nothing left to free.
      if (!(error instanceof IntabError)) throw error;
    }
  }

  #done(current: boolean): void {
    if (!current) return;
    this.#abort = null;
    this.#loadingFrom = null;
  }
}
