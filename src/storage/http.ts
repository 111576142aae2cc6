/** Ranged HTTP with retries: bytes from `start` to `end` of a URL, in order, each once, or a named error. */

import { delay } from "../abort.ts";
import type { DownloadError } from "../errors.ts";
import type { Retry } from "../types.ts";
import { badRange, changedOnServer, statusFailure, TransientFailure } from "./http-errors.ts";
import { findSize } from "./http-size.ts";
import { difference, type Validators } from "./manifest.ts";
import { type RequestTarget, StallGuard } from "./stall.ts";

export interface RangeTarget extends RequestTarget {
  /** The file that is expected; a reply from another one ends in `changed-on-server`. Absent: not known yet. */
  readonly expected?: Validators | undefined;
  /** Told before each wait for another try. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** Progress after which a connection is healthy again and gets all its tries back. Bytes. */
const HEALTHY_BYTES = 256 * 1024;
/**
 * Replies in a row that may be from another file of the same size before the file counts as changed. Behind one address may
 * be several servers that give the same file different tags; each try may reach another one, and of four the expected one is
 * missed so often once in a million times. Bytes under different tags are never put together.
 */
const OTHER_REPLIES = 50;

/** A reply of the expected size with other validators. */
class OtherReply {
  constructor(readonly error: DownloadError) {}
}

/**
 * Fetches `[start, end)`, or what the file has of it. After a broken connection or a short reply it goes on at the
 * byte where that ended.
 *
 * @param onBytes Gets the bytes in order and owns them from then on.
 * @returns Size and validators of the file that the server sent from.
 * @throws DownloadError `http-status`, `network`, `no-ranges`, `no-size`, `bad-range`, `changed-on-server`;
 *   ModelFormatError `not-gguf` for a web page; the signal's reason.
 */
export async function fetchRange(
  target: RangeTarget,
  start: number,
  end: number,
  onBytes: (bytes: Uint8Array) => void,
  signal: AbortSignal,
): Promise<Validators> {
  const { tries, retryMs } = target.tuning;
  let { expected } = target;
  let at = start;
  let failedTries = 0;
  let otherReplies = 0;
  let healthyAt = start + HEALTHY_BYTES;
  for (;;) {
    signal.throwIfAborted();
    const before = at;
    try {
      const { file, body } = await request({ ...target, expected }, at, end, signal);
      expected ??= file;
      otherReplies = 0;
      const last = Math.min(end, file.totalBytes);
      for await (const bytes of body) {
        if (at + bytes.length > last) {
          throw badRange(target.url, `more than the ${last - start} bytes asked for at ${start}`, {
            start,
            end: last,
          });
        }
        at += bytes.length;
        onBytes(bytes);
      }
      if (at >= last) return file;
      // A reply may be shorter than asked for, by the standard; but it has to bring something.
      if (at === before) {
        const what = `${at - start} of ${last - start} bytes at ${start}`;
        throw new TransientFailure(badRange(target.url, what, { start, at, end: last }));
      }
      failedTries = 0;
    } catch (failure) {
      if (failure instanceof OtherReply) {
        if (++otherReplies >= OTHER_REPLIES) throw failure.error;
        await delay(retryMs / 10, signal);
        continue;
      }
      if (!(failure instanceof TransientFailure)) throw failure;
      if (at >= healthyAt) failedTries = 0;
      healthyAt = at + HEALTHY_BYTES;
      if (++failedTries >= tries) throw failure.error;
      // Jitter keeps several connections from coming back in the same instant.
      const backOff = retryMs * 2 ** (failedTries - 1) * (0.75 + Math.random() / 2);
      const waitMs = Math.max(backOff, failure.waitMs);
      target.onRetry?.({ attempt: failedTries + 1, attempts: tries, waitMs, reason: failure.error.message });
      await delay(waitMs, signal);
    }
  }
}

/** One request. Throws a TransientFailure for what is worth another try. */
async function request(
  target: RangeTarget,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<{ file: Validators; body: AsyncIterable<Uint8Array> }> {
  const stall = new StallGuard(target, start, signal);
  try {
    const response = await stall.ask({ range: `bytes=${start}-${end - 1}` });
    if (response.status !== 206) throw statusFailure(target, response);
    const file = await describe(target, response, start, signal);
    const changed = target.expected && difference(target.expected, file);
    if (changed) {
      const error = changedOnServer(target.url, changed);
      throw file.totalBytes === target.expected?.totalBytes ? new OtherReply(error) : error;
    }
    return { file, body: stall.bodyOf(response) };
  } catch (error) {
    stall.stop(); // ends the connection; nobody will read the body
    throw error;
  }
}

/** Which file a 206 reply is a part of. */
async function describe(
  target: RangeTarget,
  response: Response,
  start: number,
  signal: AbortSignal,
): Promise<Validators> {
  const contentRange = response.headers.get("content-range");
  const [, first, , total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(contentRange ?? "") ?? [];
  if (first !== undefined && Number(first) !== start) {
    throw badRange(target.url, `asked for byte ${start}, got ${contentRange}`, {
      start,
      contentRange: contentRange ?? "",
    });
  }
  // Content-Range is hidden from cross-origin pages unless the server exposes it.
  const known = total !== undefined && total !== "*" ? Number(total) : target.expected?.totalBytes;
  return {
    totalBytes: known ?? (await findSize(target, signal)),
    etag: response.headers.get("etag"),
    lastModified: response.headers.get("last-modified"),
  };
}
