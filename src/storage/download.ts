/** Fills the cache: fetches the missing chunks over several connections and stores each with its hash. */
import { type ChunkPart, getParts, putChunk, putPart } from "./database.ts";
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
        const begun = await this.#begun(index);
        let parts = begun.length;
        const save = (at: number, bytes: Blob): void => {
          const part = parts++;
          void this.#inTurn(() => this.#savePart(index, part, at, bytes)).catch(error => this.#fail(error));
        };
        const chunk = await fetchChunk(this.#options, index, this.#signal, { begun, save });
        await this.#inTurn(() => this.#store(index, chunk));
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#wake();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#storing.then(work);
    this.#storing = done.catch(() => {}); // the caller has the error
    return done;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }; // thrown by stored() and finished()
    this.#stop.abort(new DOMException("Another connection of this download failed.", "AbortError"));
  }

  /** What an earlier download left of a chunk that it did not finish, as far as it is sound. */
  async #begun(index: number): Promise<Blob[]> {
    const { start, end } = chunkRange(this.#manifest, index);
    const sound: Blob[] = [];
    for (const part of await getParts(this.#manifest.url, index)) {
      const { at, bytes, hash } = Object(part) as Partial<ChunkPart>;
      // A part that does not follow is of another try, which cut the chunk elsewhere.
      if (at !== sizeOf(sound) || !(bytes instanceof Blob) || at + bytes.size > end - start) break;
      if ((await hashOf(bytes).catch(unreadable)) !== hash) break;
      sound.push(bytes);
    }
    return sound;
  }

  async #savePart(index: number, part: number, at: number, bytes: Blob): Promise<void> {
    this.#signal.throwIfAborted();
    await putPart(this.#manifest, index, part, { at, bytes, hash: await hashOf(bytes) });
  }

  async #store(index: number, chunk: Blob): Promise<void> {
    this.#signal.throwIfAborted();
    const hash = await hashOf(chunk);
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

/** A part that the browser cannot read any more (NotReadableError, NotFoundError) has no hash. */
function unreadable(error: unknown): null {
  if (error instanceof DOMException) return null;
  throw error;
}

async function hashOf(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const hash = await chunkHash(bytes);
  freeBytes(bytes);
  return hash;
}

/**
 * A whole chunk as a Blob, of which only the part that is just arriving is in JS memory.
 * @param progress.begun what is stored of its beginning; `save` gets each further part of `saveBytes` and its offset in the chunk
 */
export async function fetchChunk(
  { target, manifest, head, onBytes }: Pick<DownloadOptions, "target" | "manifest" | "head" | "onBytes">,
  index: number,
  signal: AbortSignal,
  { begun, save }: { begun: Blob[]; save?: (at: number, part: Blob) => void } = { begun: [] },
): Promise<Blob> {
  const { start, end } = chunkRange(manifest, index);
  const parts = [...begun];
  let from = start + sizeOf(begun);
  onBytes(from - start);
  const known = head.slice(from, end);
  from += known.length;
  let unsaved: Blob[] = [];
  let savedAt = performance.now();
  let arriving: Uint8Array[] = [];
  let arrivingBytes = 0;
  const flush = (): void => {
    const part = new Blob(arriving as Uint8Array<ArrayBuffer>[]); // copies
    parts.push(part);
    unsaved.push(part);
    arriving.forEach(freeBytes);
    arriving = [];
    arrivingBytes = 0;
    const { saveBytes, saveMs } = target.tuning;
    if (sizeOf(unsaved) < saveBytes || sizeOf(parts) === end - start) return;
    if (performance.now() - savedAt < saveMs) return;
    savedAt = performance.now();
    save?.(sizeOf(parts) - sizeOf(unsaved), new Blob(unsaved));
    unsaved = [];
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

const sizeOf = (blobs: readonly Blob[]): number => blobs.reduce((sum, { size }) => sum + size, 0);
