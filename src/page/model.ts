import { proxy } from "comlink";
import type { Host, Prompt, RenderChatOptions, TokenizeOptions } from "../boundary/protocol.ts";
import { known, plain, refused } from "../options.ts";
import type {
  ChatMessage,
  ChatOptions,
  EmbedOptions,
  GenerateOptions,
  GenerateResult,
  ModelInfo,
  PreparedPrompt,
  PrepareOptions,
  ProfileOptions,
  ProfileResult,
  RankedDocument,
  SavedSession,
  SessionOptions,
  TemplateOptions,
} from "../types.ts";
import { ChatSession, readSessionOptions, type SavedPage } from "./chat-session.ts";
import type { Connection } from "./connection.ts";
import { Generation } from "./generation.ts";
import { fields, sendable } from "./opening.ts";
import {
  chatNames,
  checkSignal,
  embedNames,
  generateNames,
  prepareNames,
  profileNames,
  tokenizeNames,
} from "./option-names.ts";

/** A loaded model. Requests run one after the other, in the order of the calls. Its failures are rejections, never thrown. */
export class Model {
  /** Facts about model, session and adapter. */
  readonly info: ModelInfo;
  readonly #connection: Connection;
  /** The worker knows it by this. */
  readonly #of: number;

  /**
   * Made by `load()`.
   * @internal
   */
  constructor(connection: Connection, of: number, info: ModelInfo) {
    this.#connection = connection;
    this.#of = of;
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
    return this.#start(options, generateNames, rest =>
      generating(typeof prompt === "string" ? { text: prompt } : { ids: plain(prompt, "prompt") }, rest),
    );
  }

  /**
   * Answers a conversation, in the form of the model's own chat template, which also gets `tools`, `documents` and
   * switches. Reasoning that the model marks comes apart from the answer, in chunks and result. Failures as with
   * `generate`, and InputError `chat-template` or `messages`.
   */
  chat(messages: readonly ChatMessage[], options: ChatOptions = {}): Generation {
    return this.#start(options, chatNames, all => {
      const { tools, documents, enableThinking, templateVariables, ...rest } = all;
      const template = fields({ tools, documents, enableThinking, templateVariables }) as TemplateOptions;
      return generating({ messages: plain(messages, "messages"), template }, rest);
    });
  }

  /**
   * Goes on with a generation whose tab was closed or killed, from its journal (`journal` of its options): what it had so far
   * comes first, and what follows is what would have followed.
   *
   * Failures as with `generate`, and InputError `not-saved`, `other-model`, `not-restorable`.
   */
  resume(name: string, options: { signal?: AbortSignal } = {}): Generation {
    return this.#start(options, ["signal"], () => {
      const journal = plain(name, "name");
      return (host, request, deliver) => host.resume(request, journal, deliver);
    });
  }

  /**
   * Computes a prompt ahead, such as while its user is typing: a later request that begins with it computes only the rest, as long
   * as the cache has room. Messages are rendered as `chat` would.
   * @throws (as rejection) as `generate` and `chat`; the signal's reason
   */
  async prepare(
    prompt: string | readonly number[] | readonly ChatMessage[],
    options: PrepareOptions = {},
  ): Promise<PreparedPrompt> {
    const { signal, specialTokens, ...template } = known(options, prepareNames);
    const settings = fields({ specialTokens });
    const given = plain(prompt, "prompt");
    const read =
      typeof given === "string"
        ? { text: given }
        : Array.isArray(given) && typeof given[0] === "number"
          ? { ids: given as readonly number[] }
          : { messages: given as readonly ChatMessage[], template: fields(template) };
    return this.#call(signal, (host, request) => host.prepare(request, read, settings));
  }

  /** A conversation that keeps its messages, can be forked, and saved. @throws InputError `option` */
  session(options: SessionOptions = {}): ChatSession {
    return new ChatSession(this, this.#saveSession, readSessionOptions(options));
  }

  /**
   * A conversation that `save` kept, with what was computed of it.
   * @throws (as rejection) InputError `not-saved`, `other-model` (file, context length or precision differ), `not-restorable`; StorageError
   */
  async restore(name: string, options: { signal?: AbortSignal } = {}): Promise<ChatSession> {
    const { signal } = known(options, ["signal"]);
    const { ids, page } = await this.#call(signal, (host, request) =>
      host.restoreSession(request, plain(name, "name")),
    );
    return new ChatSession(this, this.#saveSession, { ids, ...(page as SavedPage) });
  }

  readonly #saveSession = (name: string, ids: readonly number[], page: SavedPage): Promise<SavedSession> =>
    this.#call(undefined, (host, request) => host.saveSession(request, plain(name, "name"), ids, page));

  /** Token ids of a text. @throws InputError `option` */
  async tokenize(text: string, options: TokenizeOptions = {}): Promise<number[]> {
    const settings = fields(known(options, tokenizeNames));
    return this.#call(undefined, host => host.tokenize(plain(text, "text"), settings, this.#of));
  }

  /** Text of token ids; bytes that are no UTF-8 become U+FFFD. @throws InputError `option`, `token-id` */
  async detokenize(ids: readonly number[]): Promise<string> {
    return this.#call(undefined, host => host.detokenize(plain(ids, "ids"), this.#of));
  }

  /** Number of tokens of a text, without special tokens. @throws InputError `option` */
  async countTokens(text: string): Promise<number> {
    return (await this.tokenize(text)).length;
  }

  /** The prompt that `chat` with the same template options would give to the model. @throws InputError `chat-template`, `messages` */
  async renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<string> {
    const settings = sendable(options);
    return this.#call(undefined, host => host.renderChat(plain(messages, "messages"), settings, this.#of));
  }

  /**
   * Logits after each position, `[ids.length, info.vocabularySize]` row by row, f32; with `last`, after the last
   * position alone (default false). @throws InputError `option`, `token-id`, `prompt-too-long`; the signal's reason
   */
  async logits(
    ids: readonly number[],
    options: { signal?: AbortSignal; last?: boolean } = {},
  ): Promise<Float32Array> {
    const { signal, last = false } = known(options, ["signal", "last"]);
    if (typeof last !== "boolean") throw refused("last", last, "true or false");
    return this.#call(signal, (host, request) => host.logits(request, plain(ids, "ids"), last));
  }

  /** Natural logarithm of the probability of `ids[1]`, `ids[2]`, …, each given those before it: `[ids.length - 1]`. */
  async score(ids: readonly number[], options: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    const { signal } = known(options, ["signal"]);
    return this.#call(signal, (host, request) => host.score(request, plain(ids, "ids")));
  }

  /**
   * One vector per text, `[info.hiddenSize]` or `[dimensions]`, f32; a string counts as a list of one. Texts get the special
   * tokens that the file asks for; a list of token ids is taken as it is. Works with embedding models (BERT and the like,
   * Qwen3-Embedding) and, less well, with any other.
   * @throws InputError `option`, `prompt-too-long`, `token-id`; the signal's reason
   */
  async embed(
    texts: string | readonly (string | readonly number[])[],
    options: EmbedOptions = {},
  ): Promise<Float32Array[]> {
    const { signal, ...rest } = known(options, embedNames);
    const settings = fields(rest);
    const all = typeof texts === "string" ? [texts] : plain(texts, "texts");
    return this.#call(signal, (host, request) => host.embed(request, all, settings));
  }

  /**
   * Documents by their relevance to a query, the most relevant first; needs a reranker (`info.ranks`).
   * @throws InputError `option`, `not-a-reranker`, `prompt-too-long`; the signal's reason
   */
  async rerank(
    query: string,
    documents: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<RankedDocument[]> {
    const { signal } = known(options, ["signal"]);
    const [text, all] = [plain(query, "query"), plain(documents, "documents")];
    return this.#call(signal, (host, request) => host.rerank(request, text, all));
  }

  /**
   * GPU time of each kernel of one decode step or one prompt chunk, for finding out where time goes. Takes about a second
   * and leaves no trace; nothing of it runs unless it is called.
   * @throws InputError `option`; GpuUnavailableError `no-timestamps`; the signal's reason
   */
  async profile(options: ProfileOptions, cancel: { signal?: AbortSignal } = {}): Promise<ProfileResult> {
    const { signal } = known(cancel, ["signal"]);
    const settings = fields(known(options, profileNames));
    return this.#call(signal, (host, request) => host.profile(request, settings));
  }

  /**
   * Ends everything under way, frees GPU memory and the worker: generations end as if aborted, other calls and later ones
   * reject with DisposedError. `await using` does it, too.
   */
  dispose(): Promise<void> {
    return this.#connection.close(this.#of);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #call<T>(
    signal: AbortSignal | undefined,
    send: (host: Connection["host"], request: number) => Promise<T>,
  ): Promise<T> {
    checkSignal(signal);
    return this.#connection.call(signal, request => send(this.#connection.host, request));
  }

  /** @param read checks what the caller gave, and says what to ask of the worker */
  #start<T extends { signal?: AbortSignal }>(
    options: T,
    names: readonly (keyof T & string)[],
    read: (rest: Omit<T, "signal">) => Send,
  ): Generation {
    const early = new AbortController();
    let either = early.signal;
    return new Generation(
      async deliver => {
        const { signal, ...rest } = known(options, names);
        const send = read(rest);
        checkSignal(signal);
        if (signal) either = AbortSignal.any([signal, either]);
        return this.#call(either, (host, request) => send(host, request, proxy(deliver)));
      },
      () => early.abort(),
      error => either.aborted && error === either.reason,
    );
  }
}

/** Asks the worker for a generation. */
type Send = (
  host: Connection["host"],
  request: number,
  deliver: Parameters<Host["generate"]>[3],
) => Promise<GenerateResult>;

function generating(prompt: Prompt, options: Omit<ChatOptions, "signal" | keyof TemplateOptions>): Send {
  const settings = fields(options);
  return (host, request, deliver) => host.generate(request, prompt, settings, deliver);
}
