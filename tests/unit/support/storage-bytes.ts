import type { ModelSource, StreamOptions } from "../../../src/storage/source.ts";
import type { Tuning } from "../../../src/storage/tuning.ts";

/** Small numbers, so that a test file of some hundred KB has many chunks. */
export const TUNING: Tuning = {
  chunkBytes: 64 * 1024,
  connections: 4,
  headBytes: 10_000,
  partBytes: 8 * 1024,
  saveBytes: 1024 * 1024,
  saveMs: 0,
  tries: 3,
  retryMs: 5,
  stallMs: 2000,
  answerMs: 2000,
  pollMs: 10,
};

/** Bytes that differ from place to place. */
export function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) bytes[i] = (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  return bytes;
}

/** The whole stream in one array; checks that the pieces follow each other without gap. */
export async function collect(
  source: ModelSource,
  start = 0,
  end = source.size,
  options?: StreamOptions,
): Promise<Uint8Array> {
  const out = new Uint8Array(end - start);
  let next = start;
  for await (const { offset, bytes } of source.stream(start, end, options)) {
    if (offset !== next) throw new Error(`A piece begins at ${offset}; ${next} was due.`);
    out.set(bytes, offset - start);
    next += bytes.length;
  }
  if (next !== end) throw new Error(`The stream ended at ${next}; ${end} was due.`);
  return out;
}

/** Compares as `toEqual` would, a thousand times faster on large arrays. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  throw new Error(`${actual.length} bytes, ${expected.length} expected; the first difference is at ${at}.`);
}
