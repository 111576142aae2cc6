/** The text side of a model file, without a GPU: tokens and chat templates. */

import type { RenderChatOptions, TokenizeOptions } from "../boundary/protocol.ts";
import { check, known, plain, type Rule, refused } from "../options.ts";
import { Connection } from "../page/connection.ts";
import { crossing, fields, opening, plainSettings, sendable } from "../page/opening.ts";
import { textNames, tokenizeNames, workerLike } from "../page/option-names.ts";
import type { ChatMessage, LoadOptions, ModelOrigin, TokenizerInfo } from "../types.ts";

/**
 * Reads tokenizer and chat template out of a GGUF file's header. No GPU is needed, no weight is downloaded, and the
 * model's architecture does not matter.
 * @param source as for `load()`
 * @throws (as rejection) ModelFormatError, UnsupportedModelError `tokenizer`, DownloadError, StorageError, InputError
 *   `option`; the signal's reason
 */
export async function loadTokenizer(
  source: ModelOrigin,
  options: Pick<LoadOptions, (typeof textNames)[number]> = {},
): Promise<ModelTokenizer> {
  const { signal, worker, ...settings } = known(options, textNames);
  const plainly = plainSettings(settings);
  return opening(source, { signal, worker }, async (connection, { from }) => {
    const { of, info } = await connection.open(signal, request =>
      connection.host.loadText(request, crossing(from), plainly),
    );
    return new ModelTokenizer(connection, of, info);
  });
}

/** Tokenizer and chat template of a model file. */
export class ModelTokenizer {
  readonly info: TokenizerInfo;
  readonly #connection: Connection;
  readonly #of: number;

  /**
   * Made by `loadTokenizer()`.
   * @internal
   */
  constructor(connection: Connection, of: number, info: TokenizerInfo) {
    this.#connection = connection;
    this.#of = of;
    this.info = info;
  }

  /** Token ids of a text. @throws InputError `option` */
  async tokenize(text: string, options: TokenizeOptions = {}): Promise<number[]> {
    const settings = fields(known(options, tokenizeNames));
    return this.#call(host => host.tokenize(plain(text, "text"), settings, this.#of));
  }

  /** Text of token ids; bytes that are no UTF-8 become U+FFFD. @throws InputError `option`, `token-id` */
  async detokenize(ids: readonly number[]): Promise<string> {
    return this.#call(host => host.detokenize(plain(ids, "ids"), this.#of));
  }

  /** The prompt that the file's template makes of a conversation. @throws InputError `chat-template`, `messages` */
  async renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<string> {
    const settings = sendable(options);
    return this.#call(host => host.renderChat(plain(messages, "messages"), settings, this.#of));
  }

  /** Ends the worker. */
  dispose(): Promise<void> {
    return this.#connection.close(this.#of);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #call<T>(send: (host: Connection["host"]) => Promise<T>): Promise<T> {
    return this.#connection.call(undefined, () => send(this.#connection.host));
  }
}

/**
 * A chat template that comes from elsewhere than a model file, such as one that is being written.
 * @param template Jinja
 * @param options.tokens what its `bos_token`, `eos_token`, ... stand for; see `TokenizerInfo.specialTokens`
 * @throws InputError `option`; GpuUnavailableError `no-worker`
 */
export function openTemplate(
  template: string,
  options: { tokens?: Readonly<Record<string, string>> } & Pick<LoadOptions, "worker"> = {},
): ChatRenderer {
  const { tokens = {}, worker } = known(options, ["tokens", "worker"]);
  if (typeof template !== "string") throw refused("template", template, "a string");
  check("tokens", tokens, tokenTexts);
  if (worker !== undefined) check("worker", worker, workerLike);
  return new ChatRenderer(new Connection(worker), template, { ...tokens });
}

const tokenTexts: Rule = [
  (value: unknown) =>
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every(text => typeof text === "string"),
  "an object of strings",
];

/** Renders conversations with one template. */
export class ChatRenderer {
  readonly #connection: Connection;
  readonly #template: string;
  readonly #tokens: Readonly<Record<string, string>>;

  /**
   * Made by `openTemplate()`.
   * @internal
   */
  constructor(connection: Connection, template: string, tokens: Readonly<Record<string, string>>) {
    this.#connection = connection;
    this.#template = template;
    this.#tokens = tokens;
  }

  /** @throws InputError `chat-template` (`details.templateMessage` is what the template says), `messages` */
  async render(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<string> {
    const settings = sendable(options);
    const all = plain(messages, "messages");
    return this.#connection.call(undefined, () =>
      this.#connection.host.renderTemplate(this.#template, this.#tokens, all, settings),
    );
  }

  /** Ends the worker. */
  async dispose(): Promise<void> {
    this.#connection.abandon();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
