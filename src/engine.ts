import { proxy, type Remote, releaseProxy, transfer, wrap } from "comlink";
import { DisposedError } from "./errors.ts";
import { Generation } from "./generation.ts";
import { type CrossingOrigin, crossingOrigin } from "./origin.ts";
import { requestPersistence } from "./storage/space.ts";
import type {
  ChatMessage,
  ChatOptions,
  EmbedOptions,
  Fit,
  FitOptions,
  GenerateOptions,
  LoadOptions,
  LoadProgress,
  ModelInfo,
  ModelOrigin,
  ProfileOptions,
  ProfileResult,
  RankedDocument,
  TemplateOptions,
} from "./types.ts";
import { reviveErrors } from "./worker/errors.ts";
import type { Host, RenderChatOptions, TokenizeOptions } from "./worker/protocol.ts";

reviveErrors();

/**
 * Starts intab's own worker. The expression stays literal: bundlers look for exactly this.
 * @internal
 */
export function startWorker(): Worker {
  return new Worker(new URL("./worker/worker.ts", import.meta.url), { type: "module", name: "intab" });
}

/** A worker that does not answer `dispose` in this time is stuck and is ended without. Milliseconds. */
const DISPOSE_TIMEOUT_MS = 10_000;

/**
 * Loads a GGUF model: downloads what is not cached, streams the weights into the GPU, compiles the kernels.
 *
 * @param source a URL, an address on the Hugging Face Hub, a File, a stream, or the files of a split model: see `ModelOrigin`
 * @throws (as rejection) GpuUnavailableError, DoesNotFitError, ModelFormatError, UnsupportedModelError, DownloadError,
 *   StorageError, InputError `option`; the signal's reason if it was aborted. Nothing is left behind except what was
 *   downloaded, which the next call resumes.
 * @example
 * const model = await load("https://example.com/model.gguf", { onProgress: p => console.log(p.phase, p.loadedBytes) });
 * for await (const { text } of model.generate("Once upon a time", { maxTokens: 64 })) console.log(text);
 */
export async function load(source: ModelOrigin, options: LoadOptions = {}): Promise<Model> {
  const { signal, onProgress = () => {}, worker: given, ...settings } = options;
  signal?.throwIfAborted();
  const { from, stored, release } = await crossingOrigin(source);
  // not waited for: Firefox asks the person, who may take any time
  if (stored) void requestPersistence().catch(() => {});
  const report = (progress: LoadProgress): void => {
    try {
      onProgress(progress);
    } catch (error) {
      reportError(error); // a fault of the page's own display is told, but ends no load
    }
  };
  const worker = given ?? startWorker();
  const connection = new Connection(worker, given === undefined);
  try {
    const info = await connection.call(signal, request =>
      connection.host.load(request, crossing(from), plainSettings(settings), proxy(report)),
    );
    return new Model(connection, info);
  } catch (error) {
    connection.abandon();
    throw error;
  } finally {
    release();
  }
}

/**
 * What a model would take of the GPU and whether it would run here, from its header alone: a few requests for parts of
 * its first megabytes, no download, nothing stored. It says the same as `load()` would, for the same code computes it.
 *
 * @param source as for `load()`, except a stream
 * @throws (as rejection) GpuUnavailableError, ModelFormatError, DownloadError, StorageError, InputError `option`; the
 *   signal's reason. A file with a readable header that does not run or fit is no error: `reasons` says why, and what
 *   would fit instead.
 * @example
 * const { fits, reasons, bytes, longestContext } = await fit("hf:owner/repo:Q4_K_M", { contextLength: 4096 });
 */
export async function fit(source: ModelOrigin, options: FitOptions = {}): Promise<Fit> {
  const { signal, worker: given, memoryBytes, ...settings } = options;
  signal?.throwIfAborted();
  const { from, release } = await crossingOrigin(source);
  const connection = new Connection(given ?? startWorker(), given === undefined);
  try {
    return await connection.call(signal, request =>
      connection.host.fit(request, crossing(from), { ...plainSettings(settings), memoryBytes }),
    );
  } finally {
    release();
    connection.abandon();
  }
}

/**
 * What a call to the worker takes: a stream is pulled from there, and its bytes go over without a copy.
 * @internal
 */
export function crossing(from: CrossingOrigin["from"]): CrossingOrigin["from"] {
  if (typeof from !== "function") return from;
  return proxy(async () => {
    const bytes = await from();
    return bytes && transfer(bytes, [bytes.buffer]);
  });
}

/** Only what the worker knows: a function among the caller's own properties could not cross. */
function plainSettings({ contextLength, headers, token, hubUrl, cacheKey, features }: LoadOptions) {
  return { contextLength, headers, token, hubUrl, cacheKey, features };
}

/**
 * One worker and the calls to it. Every call ends when the worker does.
 * @internal
 */
export class Connection {
  readonly host: Remote<Host>;
  readonly #worker: Worker;
  readonly #owned: boolean;
  readonly #failed: Promise<never>;
  #fail: (reason: unknown) => void = () => {};
  #requests = 0;
  #closing: Promise<void> | undefined;

  constructor(worker: Worker, owned: boolean) {
    this.#worker = worker;
    this.#owned = owned;
    this.host = wrap<Host>(worker);
    this.#failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => {}); // calls race against it; with none under way there is nobody to tell
    worker.addEventListener("error", event => {
      this.#fail(workerFailed(event.message || "its script could not be loaded"));
    });
    worker.addEventListener("messageerror", () => this.#fail(workerFailed("a message could not be read")));
  }

  /** Runs a call that `signal` can cancel, and that a dying worker ends. */
  async call<T>(signal: AbortSignal | undefined, send: (request: number) => Promise<T>): Promise<T> {
    if (this.#closing) throw disposed();
    const request = this.#requests++;
    const cancel = (): void => void this.host.cancel(request);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const answer = send(request);
      if (signal?.aborted) cancel();
      return await Promise.race([this.#failed, answer]);
    } catch (error) {
      if (signal?.aborted && error instanceof DOMException && error.name === "AbortError")
        throw signal.reason;
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Disposes the model and ends the worker. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends the worker where no model came to be: it has cleaned up itself. */
  abandon(): void {
    this.#closing ??= Promise.resolve();
    this.#end();
  }

  async #close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stuck = new Promise<void>(resolve => (timer = setTimeout(resolve, DISPOSE_TIMEOUT_MS)));
    try {
      await Promise.race([this.#failed, this.host.dispose(), stuck]);
    } catch {
      // the worker is gone, and with it everything that disposing would have freed
    } finally {
      clearTimeout(timer);
    }
    this.#end();
  }

  #end(): void {
    this.#fail(disposed());
    this.host[releaseProxy]();
    if (this.#owned) this.#worker.terminate();
  }
}

/**
 * What JSON keeps of it: messages and tools may come from a reactive framework, whose proxies cannot be cloned.
 * @internal
 */
export function plainData<T>(data: T): T {
  return data === undefined ? data : JSON.parse(JSON.stringify(data));
}

/** @internal */
export function sendable({ now, ...options }: RenderChatOptions): RenderChatOptions {
  return { ...plainData(options), ...(now && { now }) };
}

function workerFailed(why: string): DisposedError {
  return new DisposedError(
    "worker-failed",
    `The worker failed: ${why}. Load the model again; if it stays, check that the page's Content-Security-Policy allows workers (worker-src).`,
  );
}

function disposed(): DisposedError {
  return new DisposedError("disposed", "This model was disposed. Load it again.");
}

/** A loaded model. Requests run one after the other, in the order of the calls. */
export class Model {
  /** Facts about model, session and adapter. */
  readonly info: ModelInfo;
  readonly #connection: Connection;

  /**
   * Made by `load()`.
   * @internal
   */
  constructor(connection: Connection, info: ModelInfo) {
    this.#connection = connection;
    this.info = info;
  }

  /**
   * Continues a prompt, without a chat template. A string is tokenised with the special tokens that the file asks for,
   * and control tokens in it are read as such; ids are taken as they are.
   *
   * Failures reject the result and end the iteration: InputError (`option`, `token-id`, `prompt-too-long`),
   * DeviceLostError, DisposedError. An aborted signal is no failure, even one aborted before the call: the result holds
   * the text so far and says `finishReason: "abort"`, and the iteration ends there.
   */
  generate(prompt: string | readonly number[], options: GenerateOptions = {}): Generation {
    return this.#start(typeof prompt === "string" ? { text: prompt } : { ids: [...prompt] }, options);
  }

  /**
   * Answers a conversation, in the form of the model's own chat template, which also gets `tools`, `documents` and
   * switches. Reasoning that the model marks comes apart from the answer, in chunks and result. Failures as with
   * `generate`, and InputError `chat-template` or `messages`.
   */
  chat(messages: readonly ChatMessage[], options: ChatOptions = {}): Generation {
    const { tools, documents, enableThinking, templateVariables, ...rest } = options;
    const template = { tools, documents, enableThinking, templateVariables } as TemplateOptions;
    return this.#start({ messages: plainData(messages), template: plainData(template) }, rest);
  }

  /** Token ids of a text. */
  tokenize(text: string, options: TokenizeOptions = {}): Promise<number[]> {
    return this.#connection.call(undefined, () => this.#connection.host.tokenize(text, options));
  }

  /** Text of token ids; bytes that are no UTF-8 become U+FFFD. @throws InputError `token-id` */
  detokenize(ids: readonly number[]): Promise<string> {
    return this.#connection.call(undefined, () => this.#connection.host.detokenize([...ids]));
  }

  /** Number of tokens of a text, without special tokens. */
  async countTokens(text: string): Promise<number> {
    return (await this.tokenize(text)).length;
  }

  /** The prompt that `chat` with the same template options would give to the model. @throws InputError `chat-template`, `messages` */
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<string> {
    return this.#connection.call(undefined, () =>
      this.#connection.host.renderChat(plainData(messages), sendable(options)),
    );
  }

  /**
   * Logits after each position, `[ids.length, info.vocabularySize]` row by row, f32; with `last`, after the last
   * position alone. @throws InputError `token-id`, `prompt-too-long`; the signal's reason
   */
  logits(
    ids: readonly number[],
    { signal, last = false }: { signal?: AbortSignal; last?: boolean } = {},
  ): Promise<Float32Array> {
    return this.#connection.call(signal, request => this.#connection.host.logits(request, [...ids], last));
  }

  /** Natural logarithm of the probability of `ids[1]`, `ids[2]`, …, each given those before it: `[ids.length - 1]`. */
  score(ids: readonly number[], { signal }: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    return this.#connection.call(signal, request => this.#connection.host.score(request, [...ids]));
  }

  /**
   * One vector per text, `[info.hiddenSize]` or `[dimensions]`, f32. Texts get the special tokens that the file asks for; a
   * list of token ids is taken as it is. Works with embedding models (BERT and the like, Qwen3-Embedding) and, less well, with any other.
   * @throws InputError `option`, `prompt-too-long`, `token-id`; the signal's reason
   */
  embed(
    texts: readonly (string | readonly number[])[],
    { signal, ...options }: EmbedOptions = {},
  ): Promise<Float32Array[]> {
    return this.#connection.call(signal, request =>
      this.#connection.host.embed(request, [...texts], options),
    );
  }

  /**
   * Documents by their relevance to a query, the most relevant first; needs a reranker (`info.ranks`).
   * @throws InputError `not-a-reranker`, `prompt-too-long`; the signal's reason
   */
  rerank(
    query: string,
    documents: readonly string[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<RankedDocument[]> {
    return this.#connection.call(signal, request =>
      this.#connection.host.rerank(request, query, [...documents]),
    );
  }

  /**
   * GPU time of each kernel of one decode step or one prompt chunk, for finding out where time goes. Takes about a second
   * and leaves no trace; nothing of it runs unless it is called.
   * @throws (as rejection) InputError `option`; GpuUnavailableError `no-timestamps`; the signal's reason
   */
  profile(options: ProfileOptions, { signal }: { signal?: AbortSignal } = {}): Promise<ProfileResult> {
    return this.#connection.call(signal, request => this.#connection.host.profile(request, { ...options }));
  }

  /**
   * Ends everything under way, frees GPU memory and the worker: generations end as if aborted, other calls and later ones
   * reject with DisposedError.
   */
  dispose(): Promise<void> {
    return this.#connection.close();
  }

  #start(prompt: Parameters<Host["generate"]>[1], { signal, ...options }: GenerateOptions): Generation {
    const early = new AbortController();
    const either = signal ? AbortSignal.any([signal, early.signal]) : early.signal;
    return new Generation(
      deliver =>
        this.#connection.call(either, request =>
          this.#connection.host.generate(request, prompt, options, proxy(deliver)),
        ),
      () => early.abort(),
    );
  }
}
