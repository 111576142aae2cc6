import type { PullBytes } from "../storage/stream-source.ts";
import type {
  ChatMessage,
  ChatOptions,
  EmbedOptions,
  Fit,
  FitOptions,
  GenerateChunk,
  GenerateResult,
  LoadOptions,
  LoadProgress,
  ModelInfo,
  PreparedPrompt,
  ProfileOptions,
  ProfileResult,
  RankedDocument,
  SavedSession,
  TemplateOptions,
  TokenizerInfo,
} from "../types.ts";

/** What a worker says when it runs. */
export const HELLO = "intab";

/** A `ModelOrigin` as it reaches the worker: one file, the files of a split model, or what gives a stream's next bytes. */
export type PlainOrigin = string | Blob | readonly (string | Blob)[] | PullBytes;

/** What of `LoadOptions` says how addresses are asked. */
export type AddressSettings = Pick<LoadOptions, "headers" | "token" | "hubUrl" | "cacheKey">;

/** What of `LoadOptions` reaches the worker as data. */
export type LoadSettings = AddressSettings & Pick<LoadOptions, "contextLength" | "maxSequences" | "features">;

/** What of `FitOptions` reaches the worker as data. */
export type FitSettings = Omit<FitOptions, "signal" | "worker">;

/** A prompt as text (special tokens are added as the file asks), ids, or messages for the chat template. */
export type Prompt =
  | { text: string }
  | { ids: readonly number[] }
  | { messages: readonly ChatMessage[]; template: TemplateOptions };

/** Options of a generation without what cannot cross: a signal becomes `cancel(request)`. What the template gets is in the prompt. */
export type RemoteGenerateOptions = Omit<ChatOptions, "signal" | keyof TemplateOptions>;

export interface TokenizeOptions {
  /** Add the beginning- and end-of-text tokens that the model file asks for. Default false. */
  addSpecial?: boolean;
  /** Read the text of a control token, such as `<|im_end|>`, as that token. Default false. */
  parseSpecial?: boolean;
}

export interface RenderChatOptions extends TemplateOptions {
  /** End with the mark that starts the assistant's answer. Default true. */
  addGenerationPrompt?: boolean;
  /** The time that a template asks for by `strftime_now`. Default: the clock's. */
  now?: Date;
}

/**
 * What the page may ask of the worker. Plain data only, but for the callbacks, which Comlink proxies. `request` is the
 * caller's number for a call that can be cancelled; `of` is the one of the `load` or `loadText` that is meant.
 * @internal
 */
export interface Host {
  load(
    request: number,
    source: PlainOrigin,
    settings: LoadSettings,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<ModelInfo>;
  /** Tokenizer and template alone; `tokenize`, `detokenize` and `renderChat` work then, nothing else. */
  loadText(request: number, source: PlainOrigin, settings: AddressSettings): Promise<TokenizerInfo>;
  /** Renders with a template that belongs to no model; `tokens` are its `bos_token` and so on. */
  renderTemplate(
    template: string,
    tokens: Readonly<Record<string, string>>,
    messages: readonly ChatMessage[],
    options: RenderChatOptions,
  ): Promise<string>;
  /** What a model would take; needs no model in this worker and leaves none. */
  fit(request: number, source: PlainOrigin, settings: FitSettings): Promise<Fit>;
  generate(
    request: number,
    prompt: Prompt,
    options: RemoteGenerateOptions,
    deliver: (chunk: GenerateChunk) => void,
  ): Promise<GenerateResult>;
  /** Goes on with the generation whose journal has this name. */
  resume(request: number, journal: string, deliver: (chunk: GenerateChunk) => void): Promise<GenerateResult>;
  prepare(
    request: number,
    prompt: Prompt,
    options: Pick<ChatOptions, "specialTokens">,
  ): Promise<PreparedPrompt>;
  /** Stores what is computed of these tokens under a name, and `page` with it. */
  saveSession(request: number, name: string, ids: readonly number[], page: unknown): Promise<SavedSession>;
  /** Gives `page` back, and the tokens. */
  restoreSession(request: number, name: string): Promise<{ ids: readonly number[]; page: unknown }>;
  logits(request: number, ids: readonly number[], last: boolean): Promise<Float32Array<ArrayBuffer>>;
  score(request: number, ids: readonly number[]): Promise<Float32Array<ArrayBuffer>>;
  embed(
    request: number,
    texts: readonly (string | readonly number[])[],
    options: Omit<EmbedOptions, "signal">,
  ): Promise<Float32Array<ArrayBuffer>[]>;
  rerank(request: number, query: string, documents: readonly string[]): Promise<RankedDocument[]>;
  profile(request: number, options: ProfileOptions): Promise<ProfileResult>;
  tokenize(text: string, options: TokenizeOptions, of: number): Promise<number[]>;
  detokenize(ids: readonly number[], of: number): Promise<string>;
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions, of: number): Promise<string>;
  cancel(request: number): void;
  /** Name of a lock that this worker holds as long as it lives; empty where there are no locks. */
  alive(): Promise<string>;
  /** Ends these requests and frees what was loaded. */
  dispose(of: number, requests: readonly number[]): Promise<void>;
}
