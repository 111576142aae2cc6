/** Fills the cache: fetches the missing chunks over several connections and stores each with its hash. */
import { putChunk } from "./database.ts";
import { chunkHash } from "./hash.ts";
import type { Head } from "./head.ts";
import { fetchRange, type RangeTarget } from "./http.ts";
import { chunkRange, type Manifest, withChunk } from "./manifest.ts";
import { freeBytes } from "./memory.ts";

export interface DownloadOptions {
  target: RangeTarget;
  manifest: Manifest;
  /** Bytes that the header reads have fetched already. */
  head: Head;
  /** Called with the number of bytes that came, also from `head`. */
  onBytes: (bytes: number) => void;
  /** Called with the new manifest whenever a chunk has been stored. */
  onStored: (manifest: Manifest) => void;
  signal: AbortSignal;
}

/** A download that runs from its construction until all chunks are stored, a failure, or the signal. */
export class ChunkDownload {
  readonly #options: DownloadOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #missing: number[];
  readonly #settled: Promise<void>;
  #manifest: Manifest;
  #failure: { error: unknown } | undefined;
  #waiting: (() => void)[] = [];
  /** Storing goes one by one: at most one chunk is in JS memory, and manifests are written in order. */
  #storing: Promise<void> = Promise.resolve();

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#manifest = options.manifest;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#missing = [...this.#manifest.hashes.keys()].filter(index => this.#manifest.hashes[index] === null);
    const connections = Math.min(options.target.tuning.connections, this.#missing.length);
    const running = Array.from({ length: connections }, () => this.#work());
    this.#settled = Promise.all(running).then(() => {});
  }

  /** Resolves when the chunk is stored. Rejects with the first failure of the download. */
  async stored(index: number): Promise<void> {
    while (this.#manifest.hashes[index] === null) {
      if (this.#failure) throw this.#failure.error;
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  /** Resolves when all chunks are stored. Rejects with the first failure of the download. */
  async finished(): Promise<void> {
    await this.#settled;
    if (this.#failure) throw this.#failure.error;
  }

  /** Ends all connections; resolves when nothing is under way any more. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort(new DOMException("The download was stopped.", "AbortError"));
    await this.#settled;
  }

  /** One connection: takes the next missing chunk until there is none. The first failure ends all connections. */
  async #work(): Promise<void> {
    try {
      for (let index = this.#missing.shift(); index !== undefined; index = this.#missing.shift()) {
        this.#signal.throwIfAborted();
        const chunk = await fetchChunk(this.#options, index, this.#signal);
        const stored = this.#storing.then(() => this.#store(index, chunk));
        this.#storing = stored.catch(() => {}); // `stored` itself is awaited in the next line
        await stored;
      }
    } catch (error) {
      this.#failure ??= { error }; // thrown by stored() and finished()
      this.#stop.abort(new DOMException("Another connection of this download failed.", "AbortError"));
    }
    this.#wake();
  }

  async #store(index: number, chunk: Blob): Promise<void> {
    this.#signal.throwIfAborted();
    const bytes = new Uint8Array(await chunk.arrayBuffer());
    const hash = await chunkHash(bytes);
    freeBytes(bytes);
    const next = withChunk(this.#manifest, index, hash);
    await putChunk(next, index, chunk);
    this.#manifest = next;
    this.#options.onStored(next);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A whole chunk as a Blob, of which only the part that is just arriving is in JS memory. */
export async function fetchChunk(
  { target, manifest, head, onBytes }: Pick<DownloadOptions, "target" | "manifest" | "head" | "onBytes">,
  index: number,
  signal: AbortSignal,
): Promise<Blob> {
  const { start, end } = chunkRange(manifest, index);
  const known = head.slice(start, end);
  const from = start + known.length;
  const parts: Blob[] = [];
  let arriving: Uint8Array[] = [];
  let arrivingBytes = 0;
  const flush = (): void => {
    parts.push(new Blob(arriving as Uint8Array<ArrayBuffer>[])); // copies
    arriving.forEach(freeBytes);
    arriving = [];
    arrivingBytes = 0;
  };
  const take = (bytes: Uint8Array): void => {
    onBytes(bytes.length);
    arrivingBytes += bytes.length;
    arriving.push(bytes);
    if (arrivingBytes >= target.tuning.partBytes) flush();
  };
  if (known.length > 0) take(known);
  if (from < end) await fetchRange(target, from, end, take, signal);
  flush();
  return new Blob(parts);
}
