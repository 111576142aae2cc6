/// <reference lib="esnext.disposable" preserve="true" />
import type { GenerateChunk, GenerateResult } from "../types.ts";

/**
 * A generation under way: iterate it for the text as it comes, or await it for the whole, or both. It runs from the
 * call on, whether anybody reads or not; leaving a `for await` early ends it, and so does `await using`.
 *
 * It is awaitable, and so an async function that returns it gives its caller the result, not the generation: to hand the
 * generation on, return it inside of an object, or from a function that is not async.
 */
export class Generation implements AsyncIterable<GenerateChunk>, Promise<GenerateResult> {
  readonly [Symbol.toStringTag] = "Generation";
  readonly #chunks: GenerateChunk[] = [];
  readonly #result: Promise<GenerateResult>;
  readonly #cancel: () => void;
  #ended = false;
  #wake = (): void => {};
  #changed: Promise<void>;

  /**
   * @param start begins the work; gets the function that takes its chunks
   * @param cancel ends it early
   * @param aborted whether the work failed only because it was to end: the result is then what came until there
   */
  constructor(
    start: (deliver: (chunk: GenerateChunk) => void) => Promise<GenerateResult>,
    cancel: () => void,
    aborted: (error: unknown) => boolean = () => false,
  ) {
    let cancelled = false;
    this.#cancel = () => {
      if (!cancelled) cancel();
      cancelled = true;
    };
    this.#changed = this.#nextChange();
    this.#result = start(chunk => {
      if (this.#ended) return; // from a worker that was not waited for
      this.#chunks.push(chunk);
      this.#notify();
    })
      .catch(error => {
        if (aborted(error)) return cutShort(this.#chunks);
        throw error;
      })
      .finally(() => {
        this.#ended = true;
        this.#notify();
      });
    this.#result.catch(() => {}); // whoever iterates or awaits hears of a failure
  }

  /** The pieces of text from the first on; throws what the generation fails with. Left early, it ends the generation. */
  [Symbol.asyncIterator](): AsyncGenerator<GenerateChunk, void> {
    const pieces = this.#pieces();
    const end = pieces.return.bind(pieces);
    // one that nobody has read from returns without running its `finally`
    return Object.assign(pieces, {
      return: (value: void | PromiseLike<void>) => {
        if (!this.#ended) this.#cancel();
        return end(value);
      },
    });
  }

  /** The text of the answer alone, without ids and reasoning. Cancelling it, or leaving its loop, ends the generation. */
  get textStream(): ReadableStream<string> {
    const pieces = this[Symbol.asyncIterator]();
    const stream = new ReadableStream<string>({
      pull: async stream => {
        for (;;) {
          const { value, done } = await pieces.next();
          if (done) return stream.close();
          if (value.text !== "") return stream.enqueue(value.text);
        }
      },
      cancel: () => void pieces.return(), // it settles when the next piece comes, which is not waited for
    });
    // Safari and Chrome before 124 do not iterate streams
    return Object.assign(stream, { [Symbol.asyncIterator]: () => itemsOf(stream) });
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the point of this class
  then<A = GenerateResult, B = never>(
    onFulfilled?: ((result: GenerateResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onFulfilled, onRejected);
  }

  catch<B = never>(
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<GenerateResult | B> {
    return this.#result.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<GenerateResult> {
    return this.#result.finally(onFinally);
  }

  /** Ends the generation; resolves when it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel();
    await this.#result.catch(() => {}); // whoever awaits it hears of a failure
  }

  async *#pieces(): AsyncGenerator<GenerateChunk, void> {
    let complete = false;
    try {
      for (let next = 0; ; next++) {
        while (next >= this.#chunks.length && !this.#ended) await this.#changed;
        const chunk = this.#chunks[next];
        if (!chunk) break;
        yield chunk;
      }
      complete = true;
      await this.#result;
    } finally {
      if (!complete) this.#cancel();
    }
  }

  #nextChange(): Promise<void> {
    return new Promise(resolve => (this.#wake = resolve));
  }

  #notify(): void {
    this.#wake();
    this.#changed = this.#nextChange();
  }
}

async function* itemsOf<T>(stream: ReadableStream<T>): AsyncGenerator<T, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return undefined;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}

/** The result of a generation whose worker gave none: what the page has of it. */
function cutShort(chunks: readonly GenerateChunk[]): GenerateResult {
  const ids = chunks.flatMap(chunk => chunk.ids);
  const reasoning = chunks.map(chunk => chunk.reasoning ?? "").join("");
  return {
    text: chunks.map(({ text }) => text).join(""),
    ...(reasoning && { reasoning }),
    ids,
    promptIds: [],
    finishReason: "abort",
    timings: {
      promptTokens: 0,
      cachedPromptTokens: 0,
      generatedTokens: ids.length,
      prefillMs: 0,
      decodeMs: 0,
      timeToFirstTokenMs: 0,
      prefillTokensPerSecond: 0,
      decodeTokensPerSecond: 0,
      dispatchesPerToken: 0,
      submitsPerToken: 0,
      longestPrefillSubmitMs: 0,
      longestDecodeSubmitMs: 0,
    },
  };
}
