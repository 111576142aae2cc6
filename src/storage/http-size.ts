/** How large a file is, where its server hides that from the page: by what ranges of it the server gives. */
import { noSize, statusFailure, TransientFailure } from "./http-errors.ts";
import { type RequestTarget, StallGuard } from "./stall.ts";

/** No file is larger: servers that claim bytes up there send some whatever is asked. Bytes. */
const MAX_FILE_BYTES = 2 ** 42;
/** The first guess of a search. Bytes. */
const FIRST_GUESS = 2 ** 20;

/**
 * The length of a reply to "everything" is not hidden; nor is that of a HEAD, but it may be the length of a compressed reply, or
 * the address may be signed for GET alone. A length is taken when the file's last byte is where it says; without one the
 * end is searched for, in some 30 to 50 requests of a byte.
 * @throws DownloadError `no-size`; what else a request throws
 */
export async function findSize(target: RequestTarget, signal: AbortSignal): Promise<number> {
  for (const ask of [{ range: `bytes=0-${MAX_FILE_BYTES - 1}` }, { method: "HEAD" }] as const) {
    const length = await contentLength(target, ask, signal);
    if (length > 0 && (await bytesIn(target, length - 1, length + 1, signal)) === 1) return length;
  }
  let [low, high] = [0, FIRST_GUESS];
  while ((await bytesIn(target, high - 1, high, signal)) > 0) {
    [low, high] = [high, high * 2];
    if (high > MAX_FILE_BYTES) throw noSize(target.url);
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((await bytesIn(target, middle - 1, middle, signal)) > 0) low = middle;
    else high = middle;
  }
  return low;
}

/** 0 where the server does not tell, or does not answer such a request. */
async function contentLength(
  target: RequestTarget,
  ask: Parameters<StallGuard["ask"]>[0],
  signal: AbortSignal,
): Promise<number> {
  const stall = new StallGuard(target, 0, signal);
  try {
    const response = await stall.ask(ask);
    return response.ok ? Number(response.headers.get("content-length")) : 0;
  } catch (failure) {
    if (failure instanceof TransientFailure) return 0;
    throw failure;
  } finally {
    stall.stop();
  }
}

/** Bytes that the server sends of `[start, end)`; reading ends where it sends more. */
async function bytesIn(
  target: RequestTarget,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<number> {
  const stall = new StallGuard(target, start, signal);
  try {
    const response = await stall.ask({ range: `bytes=${start}-${end - 1}` });
    if (response.status === 416) return 0;
    if (response.status !== 206) throw statusFailure(target, response);
    let count = 0;
    for await (const bytes of stall.bodyOf(response)) {
      count += bytes.length;
      if (count > end - start) break;
    }
    return count;
  } finally {
    stall.stop();
  }
}
