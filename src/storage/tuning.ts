/** The numbers of the download, with their reasons. Tests give others. */
import { CHUNK_BYTES } from "./source.ts";

export interface Tuning {
  /** Chunk size of new downloads. Bytes. */
  chunkBytes: number;
  /** Ranged requests at a time. Browsers allow 6 per host over HTTP/1.1, and the page needs some. */
  connections: number;
  /**
   * What the first request asks for: it tells the size and gives the start of the header at once. 1 MiB is the first
   * read of the GGUF parser. Bytes.
   */
  headBytes: number;
  /**
   * Received bytes are handed to the browser as Blobs in parts of this size: with 4 connections 2 MiB of JS memory,
   * instead of four whole chunks. Bytes.
   */
  partBytes: number;
  /**
   * The beginning of a chunk is stored in parts of this size as it comes: a tab that is killed loses at most this much for each
   * connection. Bytes.
   */
  saveBytes: number;
  /**
   * Not more often than this, though: parts are written twice, which halves the speed of storing (100 to 50 MiB/s in Chromium on 2
   * busy cores), and what came in so short a time is soon fetched again. Milliseconds.
   */
  saveMs: number;
  /** Tries of a request that brings nothing new, the first one included. */
  tries: number;
  /** Wait before the second try; doubles from try to try: 0.5, 1, 2, 4 s. Milliseconds. */
  retryMs: number;
  /** A connection that sends nothing for so long is given up and tried again. Milliseconds. */
  stallMs: number;
  /**
   * A request that is not answered for so long, while nothing else comes either, is given up: before the answer it may wait for
   * a socket behind other tabs' downloads, 8 MiB at a time. Milliseconds.
   */
  answerMs: number;
  /** How often a load that waits for another tab's download looks how far it is. Milliseconds. */
  pollMs: number;
}

export const DEFAULT_TUNING: Tuning = {
  chunkBytes: CHUNK_BYTES,
  connections: 4,
  headBytes: 1024 * 1024,
  partBytes: 512 * 1024,
  saveBytes: 2 * 1024 * 1024,
  saveMs: 500,
  tries: 5,
  retryMs: 500,
  stallMs: 30_000,
  answerMs: 120_000,
  pollMs: 500,
};
