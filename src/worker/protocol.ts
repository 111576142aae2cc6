import type { LoadSettings } from "../runtime/load-model.ts";
import type { Prompt } from "../runtime/request.ts";
import type {
  ChatMessage,
  GenerateChunk,
  GenerateOptions,
  GenerateResult,
  LoadProgress,
  ModelInfo,
  ProfileOptions,
  ProfileResult,
} from "../types.ts";

/** `GenerateOptions` without what cannot cross: a signal becomes `cancel(request)`. */
export type RemoteGenerateOptions = Omit<GenerateOptions, "signal">;

export interface TokenizeOptions {
  /** Add the beginning- and end-of-text tokens that the model file asks for. Default false. */
  addSpecial?: boolean;
  /** Read the text of a control token, such as `<|im_end|>`, as that token. Default false. */
  parseSpecial?: boolean;
}

export interface RenderChatOptions {
  /** End with the mark that starts the assistant's answer. Default true. */
  addGenerationPrompt?: boolean;
}

/**
 * What the page may ask of the worker. Plain data only, but for the callbacks, which Comlink proxies. `request` is the
 * caller's number for a call that can be cancelled.
 * @internal
 */
export interface Host {
  load(
    request: number,
    source: string | Blob,
    settings: LoadSettings,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<ModelInfo>;
  generate(
    request: number,
    prompt: Prompt,
    options: RemoteGenerateOptions,
    deliver: (chunk: GenerateChunk) => void,
  ): Promise<GenerateResult>;
  logits(request: number, ids: readonly number[], last: boolean): Promise<Float32Array<ArrayBuffer>>;
  score(request: number, ids: readonly number[]): Promise<Float32Array<ArrayBuffer>>;
  profile(request: number, options: ProfileOptions): Promise<ProfileResult>;
  tokenize(text: string, options: TokenizeOptions): Promise<number[]>;
  detokenize(ids: readonly number[]): Promise<string>;
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions): Promise<string>;
  cancel(request: number): void;
  dispose(): Promise<void>;
}
