import { type Asked, networkFailure } from "./http-errors.ts";
import type { Tuning } from "./tuning.ts";

/** Whom requests go to, and how. */
export interface RequestTarget extends Asked {
  readonly headers: Headers;
  readonly tuning: Tuning;
}

/** When bytes last came on any connection of this worker, by `performance.now()`. */
let lastBytesAt = Number.NEGATIVE_INFINITY;

/** One request: gives it up when nothing comes, and tells network failures from the caller's abort. */
export class StallGuard {
  readonly #own = new AbortController();
  readonly #signal: AbortSignal;

  constructor(
    private readonly target: RequestTarget,
    private readonly offset: number,
    private readonly caller: AbortSignal,
  ) {
    this.#signal = AbortSignal.any([caller, this.#own.signal]);
  }

  /**
   * Sends the request. Until the reply it may be waiting for a socket, of which a browser has six for a host over HTTP/1.1, for
   * all its tabs: that takes as long as what the others do, and is no stall while any connection here gets bytes.
   */
  ask({ range, method = "GET" }: Ask): Promise<Response> {
    const { url, headers: given, tuning } = this.target;
    const headers = new Headers(given);
    if (range !== undefined) headers.set("range", range);
    const { answerMs } = tuning;
    const busy = (): boolean => performance.now() - lastBytesAt < answerMs;
    return this.#watch(
      fetch(url, { method, headers, signal: this.#signal, cache: "no-store" }),
      answerMs,
      busy,
    );
  }

  async *bodyOf(response: Response): AsyncGenerator<Uint8Array> {
    if (!response.body) return;
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { value, done } = await this.#watch(reader.read(), this.target.tuning.stallMs);
        if (done) return;
        lastBytesAt = performance.now();
        yield value;
      }
    } finally {
      this.stop();
    }
  }

  /** Ends the connection, if it has not ended. */
  stop(): void {
    this.#own.abort(new Error("This request is over."));
  }

  async #watch<T>(step: Promise<T>, limitMs: number, busy = () => false): Promise<T> {
    const stalled = new Error(`nothing came for ${limitMs / 1000} s`);
    const look = (): void => {
      if (busy()) timer = setTimeout(look, limitMs);
      else this.#own.abort(stalled);
    };
    let timer = setTimeout(look, limitMs);
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
}

interface Ask {
  range?: string;
  method?: "GET" | "HEAD";
}
