import type { GenerateChunk, GenerateResult } from "./types.ts";

/**
 * A generation under way: iterate it for the text as it comes, or await it for the whole, or both. It runs from the
 * call on, whether anybody reads or not; leaving a `for await` early ends it.
 */
export class Generation implements AsyncIterable<GenerateChunk>, PromiseLike<GenerateResult> {
  readonly #chunks: GenerateChunk[] = [];
  readonly #result: Promise<GenerateResult>;
  readonly #cancel: () => void;
  #ended = false;
  #wake = (): void => {};
  #changed: Promise<void>;

  /**
   * @param start begins the work; gets the function that takes its chunks
   * @param cancel ends it early
   */
  constructor(
    start: (deliver: (chunk: GenerateChunk) => void) => Promise<GenerateResult>,
    cancel: () => void,
  ) {
    this.#cancel = cancel;
    this.#changed = this.#nextChange();
    this.#result = start(chunk => {
      this.#chunks.push(chunk);
      this.#notify();
    }).finally(() => {
      this.#ended = true;
      this.#notify();
    });
    this.#result.catch(() => {}); // whoever iterates or awaits hears of a failure
  }

  /** The pieces of text from the first on; throws what the generation fails with. */
  async *[Symbol.asyncIterator](): AsyncGenerator<GenerateChunk, void> {
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

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the point of this class
  then<A = GenerateResult, B = never>(
    onFulfilled?: ((result: GenerateResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onFulfilled, onRejected);
  }

  #nextChange(): Promise<void> {
    return new Promise(resolve => (this.#wake = resolve));
  }

  #notify(): void {
    this.#wake();
    this.#changed = this.#nextChange();
  }
}
