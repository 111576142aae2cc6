import { InputError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { type KvSnapshot, readSequence, snapshotBytes, writeSequence } from "../model/kv/snapshot.ts";
import type { KvStore } from "../model/kv/store.ts";
import type { Engine } from "./engine.ts";
import { noCounters } from "./sequence.ts";

/** Tokens, and what was computed of them: whole pages, so that a few at the end may be missing. */
export interface KeptTokens extends KvSnapshot {
  ids: readonly number[];
}

/** What fills the cache without generating, takes it out and brings it back. All reject with the signal's reason. */
export class CacheJobs {
  readonly #gpu: Gpu;
  readonly #kv: KvStore;
  readonly #engine: Engine;

  constructor({ gpu, kv, engine }: { gpu: Gpu; kv: KvStore; engine: Engine }) {
    this.#gpu = gpu;
    this.#kv = kv;
    this.#engine = engine;
  }

  /** Computes what is new of a prompt; says how many of its tokens were there. */
  async prepare(ids: readonly number[], signal: AbortSignal): Promise<number> {
    const counters = noCounters();
    await this.#engine.run({ ids, shares: true, priority: 0, signal, counters });
    return counters.cachedPromptTokens;
  }

  /** The longest beginning of these tokens that is there. */
  take(ids: readonly number[], signal: AbortSignal): Promise<KeptTokens> {
    return this.#engine.job(async () => {
      // the last token of a prompt is never taken from the cache: one more, so that all of these may be
      const { sequence, cached } = this.#kv.open([...ids, 0]);
      try {
        return { ids: ids.slice(0, cached), ...(await readSequence(this.#gpu, this.#kv, sequence)) };
      } finally {
        this.#kv.close(sequence);
      }
    }, signal);
  }

  /** @throws InputError `not-restorable` where the bytes are not of these tokens in a cache of this shape */
  put({ ids, layers, states }: KeptTokens, signal: AbortSignal): Promise<void> {
    const work = async (): Promise<void> => {
      const sequence = this.#kv.adopt(ids);
      try {
        this.#kv.reserve(sequence, ids.length);
        const wanted = snapshotBytes(this.#kv, sequence);
        const sizes = (parts: readonly ArrayBuffer[]): string => parts.map(part => part.byteLength).join();
        if (sizes(layers) !== wanted.layers.join() || sizes(states) !== wanted.states.join()) {
          throw new InputError(
            "not-restorable",
            "What was saved does not have the size that these tokens take here: it is damaged. Compute the conversation anew.",
          );
        }
        writeSequence(this.#gpu, this.#kv, sequence, { layers, states });
        this.#kv.checkpoint(sequence, ids.length);
        this.#kv.advance(sequence, []);
      } finally {
        this.#kv.close(sequence);
      }
    };
    return this.#engine.job(work, signal, true); // alone: it may take all pages
  }
}
