/** Ranged HTTP with retries: bytes from `start` to `end` of a URL, in order, each once, or a named error. */
import { delay } from "./abort.ts";
import {
  type Asked,
  badRange,
  changedOnServer,
  networkFailure,
  noSize,
  statusFailure,
  TransientFailure,
} from "./http-errors.ts";
import { difference, type Validators } from "./manifest.ts";
import type { Tuning } from "./tuning.ts";

export interface RangeTarget extends Asked {
  readonly headers: Headers;
  /** The file that is expected; a reply from another one ends in `changed-on-server`. Absent: not known yet. */
  readonly expected?: Validators | undefined;
  readonly tuning: Tuning;
}

/** Progress after which a connection is healthy again and gets all its tries back. Bytes. */
const HEALTHY_BYTES = 256 * 1024;

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
  let at = start;
  let failedTries = 0;
  let healthyAt = start + HEALTHY_BYTES;
  for (;;) {
    signal.throwIfAborted();
    try {
      const { file, body } = await request(target, at, end, signal);
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
      // A reply may be shorter than asked for, by the standard; but the next one has to bring more.
      throw new TransientFailure(
        badRange(target.url, `${at - start} of ${last - start} bytes at ${start}`, { start, at, end: last }),
      );
    } catch (failure) {
      if (!(failure instanceof TransientFailure)) throw failure;
      if (at >= healthyAt) failedTries = 0;
      healthyAt = at + HEALTHY_BYTES;
      if (++failedTries >= tries) throw failure.error;
      // Jitter keeps several connections from coming back in the same instant.
      const backOff = retryMs * 2 ** (failedTries - 1) * (0.75 + Math.random() / 2);
      await delay(Math.max(backOff, failure.waitMs), signal);
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
  const headers = new Headers(target.headers);
  headers.set("range", `bytes=${start}-${end - 1}`);
  const response = await stall.watch(fetch(target.url, { headers, signal: stall.signal, cache: "no-store" }));
  try {
    if (response.status !== 206) throw statusFailure(target, response);
    const file = await describe(target, response, start, stall);
    const changed = target.expected && difference(target.expected, file);
    if (changed) throw changedOnServer(target.url, changed);
    return { file, body: bodyOf(response, stall) };
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
  stall: StallGuard,
): Promise<Validators> {
  const contentRange = response.headers.get("content-range");
  const [, first, , total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(contentRange ?? "") ?? [];
  if (first !== undefined && Number(first) !== start) {
    throw badRange(target.url, `asked for byte ${start}, got ${contentRange}`, {
      start,
      contentRange: contentRange ?? "",
    });
  }
  // Content-Range is hidden from cross-origin pages unless the server exposes it; Content-Length of a HEAD is not.
  const known = total !== undefined && total !== "*" ? Number(total) : target.expected?.totalBytes;
  const totalBytes = known ?? (await sizeByHead(target, stall));
  return {
    totalBytes,
    etag: response.headers.get("etag"),
    lastModified: response.headers.get("last-modified"),
  };
}

async function sizeByHead({ url, headers }: RangeTarget, stall: StallGuard): Promise<number> {
  const response = await stall.watch(
    fetch(url, { method: "HEAD", headers, signal: stall.signal, cache: "no-store" }),
  );
  const length = response.headers.get("content-length");
  if (!response.ok || length === null) throw noSize(url);
  return Number(length);
}

async function* bodyOf(response: Response, stall: StallGuard): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { value, done } = await stall.watch(reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    stall.stop();
  }
}

/** Gives up a connection on which nothing comes, and tells network failures from the caller's abort. */
class StallGuard {
  readonly signal: AbortSignal;
  readonly #own = new AbortController();

  constructor(
    private readonly target: RangeTarget,
    private readonly offset: number,
    private readonly caller: AbortSignal,
  ) {
    this.signal = AbortSignal.any([caller, this.#own.signal]);
  }

  async watch<T>(step: Promise<T>): Promise<T> {
    const { stallMs } = this.target.tuning;
    const stalled = new Error(`nothing came for ${stallMs / 1000} s`);
    const timer = setTimeout(() => this.#own.abort(stalled), stallMs);
    try {
      return await step;
    } catch (error) {
      this.caller.throwIfAborted();
      // fetch and body readers report every kind of network failure as TypeError.
      if (error === stalled || error instanceof TypeError)
        throw networkFailure(this.target.url, this.offset, error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the connection, if it has not ended. */
  stop(): void {
    this.#own.abort(new Error("This request is over."));
  }
}
