/** A model behind a URL: header by ranged reads, chunks from the cache, the rest downloaded into the cache meanwhile. */
import { DownloadError } from "../errors.ts";
import type { LoadProgress } from "../types.ts";
import { readAhead } from "./ahead.ts";
import { type ChunkTarget, readChunk } from "./chunks.ts";
import { deleteModel } from "./database.ts";
import { ChunkDownload } from "./download.ts";
import type { Head } from "./head.ts";
import { fetchRange } from "./http.ts";
import { keeping } from "./http-errors.ts";
import type { Release } from "./locks.ts";
import { chunkRange, type Manifest, type SplitModel, storedBytes } from "./manifest.ts";
import { freeBytes } from "./memory.ts";
import { fileName } from "./names.ts";
import { ProgressMeter } from "./progress.ts";
import type { ModelPiece, ModelSource, StreamOptions } from "./source.ts";
import { warnOfSpace } from "./space.ts";

export interface UrlSourceParts {
  manifest: Manifest;
  target: ChunkTarget;
  head: Head;
  /** Frees the download lock. */
  release: Release;
  signal: AbortSignal | undefined;
  onProgress: ((progress: LoadProgress) => void) | undefined;
}

type Bytes = Uint8Array<ArrayBuffer>;

export class UrlSource implements ModelSource {
  readonly name: string;
  readonly url: string;
  readonly size: number;
  readonly #parts: UrlSourceParts;
  readonly #closed = new AbortController();
  /** Of the parts, with retries reported in the phase that is under way. */
  readonly #target: ChunkTarget;
  #manifest: Manifest;
  /** Of the stream. */
  #meter: ProgressMeter | undefined;
  #download: ChunkDownload | undefined;
  /** The chunk of the last header read: the stream begins with it most of the time. */
  #recent: { index: number; bytes: Bytes } | undefined;

  constructor(parts: UrlSourceParts) {
    this.#parts = parts;
    this.#manifest = parts.manifest;
    const { onRetry } = parts.target;
    this.#target = {
      ...parts.target,
      onRetry: retry => (this.#meter ? this.#meter.retry(retry) : onRetry?.(retry)),
    };
    this.url = parts.manifest.url;
    this.name = fileName(parts.target.url);
    this.size = parts.manifest.totalBytes;
  }

  get missingBytes(): number {
    return this.size - storedBytes(this.#manifest);
  }

  /** Notes in the cache, with the next chunk that is stored, which split model this file is a part of. */
  markAsPart(split: SplitModel): void {
    this.#manifest = { ...this.#manifest, split };
  }

  async read(offset: number, length: number, { signal }: StreamOptions = {}): Promise<Uint8Array> {
    const ended = this.#endedBy(signal);
    const out = new Uint8Array(length);
    for (let at = offset; at < offset + length; ) {
      ended.throwIfAborted();
      const index = Math.floor(at / this.#manifest.chunkBytes);
      const chunk = chunkRange(this.#manifest, index);
      const stop = Math.min(offset + length, chunk.end);
      if (this.#manifest.hashes[index] == null) {
        const ahead = await this.#readAhead(at, stop, ended);
        out.set(ahead, at - offset);
        freeBytes(ahead);
      } else {
        if (this.#recent?.index !== index) {
          if (this.#recent) freeBytes(this.#recent.bytes);
          this.#recent = { index, bytes: await this.#chunk(index, ended) };
        }
        out.set(this.#recent.bytes.subarray(at - chunk.start, stop - chunk.start), at - offset);
      }
      at = stop;
    }
    return out;
  }

  async *stream(
    start = 0,
    end = this.size,
    { signal, onProgress = this.#parts.onProgress }: StreamOptions = {},
  ): AsyncGenerator<ModelPiece> {
    const ended = this.#endedBy(signal);
    if (this.#manifest.complete) yield* this.#fromCache(start, end, ended, onProgress);
    else yield* this.#fromServer(start, end, ended, onProgress);
  }

  close(): void {
    this.#closed.abort(new DOMException("The model source was closed.", "AbortError"));
    this.#recent = undefined;
    const stopped = this.#download?.stop() ?? Promise.resolve();
    void stopped.then(this.#parts.release); // stop() never rejects
  }

  /** Bytes that are not in the cache: kept for the download as long as they continue what is known. */
  async #readAhead(start: number, end: number, ended: AbortSignal): Promise<Uint8Array> {
    const { head } = this.#parts;
    const expected = { ...this.#target, expected: this.#manifest };
    if (start <= head.length) {
      if (end > head.length) await fetchRange(expected, head.length, end, bytes => head.append(bytes), ended);
      return head.slice(start, end);
    }
    const out = new Uint8Array(end - start);
    let at = 0;
    const take = (bytes: Uint8Array): void => {
      out.set(bytes, at);
      at += bytes.length;
    };
    await fetchRange(expected, start, end, take, ended);
    return out;
  }

  async *#fromCache(
    start: number,
    end: number,
    ended: AbortSignal,
    report: StreamOptions["onProgress"],
  ): AsyncGenerator<ModelPiece> {
    const meter = new ProgressMeter({ phase: "read", totalBytes: end - start, report });
    this.#meter = meter;
    const first = Math.floor(start / this.#manifest.chunkBytes);
    const read = (index: number): Promise<Bytes> => this.#chunk(index, ended);
    for await (const { index, bytes } of readAhead(first, this.#chunksUpTo(end), read)) {
      const piece = this.#trim(index, bytes, start, end);
      meter.add(piece.bytes.length);
      yield piece;
      ended.throwIfAborted();
    }
    meter.finish();
  }

  async *#fromServer(
    start: number,
    end: number,
    ended: AbortSignal,
    report: StreamOptions["onProgress"],
  ): AsyncGenerator<ModelPiece> {
    const done = storedBytes(this.#manifest);
    // of a split model the whole is looked at, once
    if (!this.#manifest.split) await warnOfSpace(this.size - done);
    const meter = new ProgressMeter({
      phase: "download",
      totalBytes: this.size,
      loadedBytes: done,
      report,
    });
    this.#meter = meter;
    const download = new ChunkDownload({
      target: { ...this.#target, expected: this.#manifest },
      manifest: this.#manifest,
      head: this.#parts.head,
      onBytes: bytes => meter.add(bytes),
      onStored: manifest => {
        this.#manifest = manifest;
        this.#dropHead();
      },
      signal: ended,
    });
    this.#download = download;
    try {
      // No read-ahead here: the memory goes to the chunk that is being hashed and stored.
      const stop = this.#chunksUpTo(end);
      for (let index = Math.floor(start / this.#manifest.chunkBytes); index < stop; index++) {
        await download.stored(index);
        const bytes = await this.#chunk(index, ended);
        yield this.#trim(index, bytes, start, end);
        freeBytes(bytes);
      }
      await download.finished();
      meter.finish();
      this.#parts.release();
    } catch (error) {
      await download.stop();
      if (error instanceof DownloadError && error.code === "changed-on-server") await deleteModel(this.url);
      throw keeping(error, storedBytes(this.#manifest));
    } finally {
      await download.stop();
      this.#parts.head.clear();
    }
  }

  /** The header takes up to some 10 MiB, which nobody needs when its chunks are stored. */
  #dropHead(): void {
    const { head } = this.#parts;
    const chunks = Math.ceil(head.length / this.#manifest.chunkBytes);
    if (this.#manifest.hashes.slice(0, chunks).every(hash => hash !== null)) head.clear();
  }

  async #chunk(index: number, ended: AbortSignal): Promise<Bytes> {
    ended.throwIfAborted();
    const recent = this.#recent;
    this.#recent = undefined; // the receiver frees it
    if (recent?.index === index) return recent.bytes;
    return readChunk(this.#target, this.#manifest, index, ended);
  }

  #trim(index: number, bytes: Bytes, start: number, end: number): ModelPiece {
    const chunk = chunkRange(this.#manifest, index);
    const from = Math.max(start, chunk.start);
    const to = Math.min(end, chunk.end);
    return { offset: from, bytes: bytes.subarray(from - chunk.start, to - chunk.start) };
  }

  /** Number of the first chunk that begins at or after `end`. */
  #chunksUpTo(end: number): number {
    return Math.ceil(Math.min(end, this.size) / this.#manifest.chunkBytes);
  }

  #endedBy(signal: AbortSignal | undefined): AbortSignal {
    const signals = [this.#closed.signal, this.#parts.signal, signal];
    return AbortSignal.any(signals.filter(s => s !== undefined));
  }
}
