/** The text side of a model file, without a GPU: tokens and chat templates. */
import { Connection, crossing, plainData, sendable, startWorker } from "../engine.ts";
import { crossingOrigin } from "../origin.ts";
import type { ChatMessage, LoadOptions, ModelOrigin, TokenizerInfo } from "../types.ts";
import type { RenderChatOptions, TokenizeOptions } from "../worker/protocol.ts";

/**
 * Reads tokenizer and chat template out of a GGUF file's header. No GPU is needed, no weight is downloaded, and the
 * model's architecture does not matter.
 * @param source as for `load()`
 * @throws (as rejection) ModelFormatError, UnsupportedModelError `tokenizer`, DownloadError, StorageError, InputError
 *   `option`; the signal's reason
 */
export async function loadTokenizer(
  source: ModelOrigin,
  {
    signal,
    headers,
    token,
    hubUrl,
    cacheKey,
    worker,
  }: Pick<LoadOptions, "signal" | "headers" | "token" | "hubUrl" | "cacheKey" | "worker"> = {},
): Promise<ModelTokenizer> {
  signal?.throwIfAborted();
  const { from, release } = await crossingOrigin(source);
  const connection = new Connection(worker ?? startWorker(), worker === undefined);
  try {
    const info = await connection.call(signal, request =>
      connection.host.loadText(request, crossing(from), { headers, token, hubUrl, cacheKey }),
    );
    return new ModelTokenizer(connection, info);
  } catch (error) {
    connection.abandon();
    throw error;
  } finally {
    release();
  }
}

/** Tokenizer and chat template of a model file. */
export class ModelTokenizer {
  readonly info: TokenizerInfo;
  readonly #connection: Connection;

  /**
   * Made by `loadTokenizer()`.
   * @internal
   */
  constructor(connection: Connection, info: TokenizerInfo) {
    this.#connection = connection;
    this.info = info;
  }

  /** Token ids of a text. */
  tokenize(text: string, options: TokenizeOptions = {}): Promise<number[]> {
    return this.#connection.call(undefined, () => this.#connection.host.tokenize(text, options));
  }

  /** Text of token ids; bytes that are no UTF-8 become U+FFFD. @throws InputError `token-id` */
  detokenize(ids: readonly number[]): Promise<string> {
    return this.#connection.call(undefined, () => this.#connection.host.detokenize([...ids]));
  }

  /** The prompt that the file's template makes of a conversation. @throws InputError `chat-template`, `messages` */
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<string> {
    return this.#connection.call(undefined, () =>
      this.#connection.host.renderChat(plainData(messages), sendable(options)),
    );
  }

  /** Ends the worker. */
  dispose(): Promise<void> {
    return this.#connection.close();
  }
}

/**
 * A chat template that comes from elsewhere than a model file, such as one that is being written.
 * @param template Jinja
 * @param options.tokens what its `bos_token`, `eos_token`, ... stand for; see `TokenizerInfo.specialTokens`
 */
export function openTemplate(
  template: string,
  { tokens = {}, worker }: { tokens?: Readonly<Record<string, string>> } & Pick<LoadOptions, "worker"> = {},
): ChatRenderer {
  const connection = new Connection(worker ?? startWorker(), worker === undefined);
  return new ChatRenderer(connection, template, { ...tokens });
}

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
  render(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<string> {
    return this.#connection.call(undefined, () =>
      this.#connection.host.renderTemplate(
        this.#template,
        this.#tokens,
        plainData(messages),
        sendable(options),
      ),
    );
  }

  /** Ends the worker. */
  dispose(): Promise<void> {
    return this.#connection.close();
  }
}
