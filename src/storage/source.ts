/**
 * Where the bytes of a model come from: a URL with a cache behind it (`url-source.ts`), a File (`file-source.ts`), a
 * stream (`stream-source.ts`), or several files one after the other (`joined-source.ts`).
 */
import type { LoadProgress } from "../types.ts";

/** A piece of the file. Valid until the next piece is asked for: then its memory is freed. Copy or transfer what must stay. */
export interface ModelPiece {
  /** Offset in the file of the first byte. */
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface StreamOptions {
  /** Ends the stream with the signal's reason. Chunks stored so far stay. */
  signal?: AbortSignal | undefined;
  /** Progress of this stream. Default: what the source was opened with. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
}

export interface ModelSource {
  /** File name, for people. */
  readonly name: string;
  /** Absolute URL, the key in the cache, of the first part where there are several; `null` for a File or stream. */
  readonly url: string | null;
  /** Bytes of the whole file; for a stream Infinity until its header has been read. */
  readonly size: number;
  /** Bytes that are still to be downloaded into the cache. */
  readonly missingBytes: number;
  /**
   * Reads `length` bytes at `offset`. Meant for the header: from the cache where it is there, else by ranged requests
   * whose bytes the download does not fetch again (as long as the reads follow each other from offset 0).
   */
  read(offset: number, length: number, options?: StreamOptions): Promise<Uint8Array>;
  /**
   * Gives the bytes from `start` to `end` (exclusive; default: all) in file order, once, in pieces of at most
   * `CHUNK_BYTES`. Reads ahead of the consumer, so that two pieces exist at most. For a URL, what is not in the cache is
   * downloaded meanwhile, the bytes outside the range too.
   * One stream at a time.
   */
  stream(start?: number, end?: number, options?: StreamOptions): AsyncIterable<ModelPiece>;
  /** Ends what is under way and frees locks. Always call it, also after errors; more than once does no harm. */
  close(): void;
}

/**
 * Bytes per stored chunk, and so per piece. 96 MiB read as Blobs out of IndexedDB (Chromium 156, 2 cores), in
 * chunks of 2 MiB: 430 ms, 4 MiB: 290 ms, 8 MiB: 190 ms, 16 MiB: 150 ms. 8 MiB takes most of the gain, and three of them are
 * 24 MiB of memory, which a phone has too.
 */
export const CHUNK_BYTES = 8 * 1024 * 1024;
