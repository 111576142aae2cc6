import type { FitSettings } from "../runtime/fit.ts";
import type { LoadSettings } from "../runtime/load-model.ts";
import type { PlainOrigin } from "../runtime/open-origin.ts";
import type { Prompt } from "../runtime/request.ts";
import type {
  ChatMessage,
  ChatOptions,
  EmbedOptions,
  Fit,
  GenerateChunk,
  GenerateResult,
  LoadProgress,
  ModelInfo,
  ProfileOptions,
  ProfileResult,
  RankedDocument,
  TemplateOptions,
  TokenizerInfo,
} from "../types.ts";

/** What a worker says when it runs. */
export const HELLO = "intab";

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
  loadText(
    request: number,
    source: PlainOrigin,
    settings: Pick<LoadSettings, "headers" | "token" | "hubUrl" | "cacheKey">,
  ): Promise<TokenizerInfo>;
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
