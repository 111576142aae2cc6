/** The options that each call knows, and the kinds of those that stay on the page. */

import type { RenderChatOptions, TokenizeOptions } from "../boundary/protocol.ts";
import { check, type Rule } from "../options.ts";
import type {
  ChatOptions,
  EmbedOptions,
  FitOptions,
  GenerateOptions,
  LoadOptions,
  PrepareOptions,
  ProfileOptions,
  SessionOptions,
  TemplateOptions,
} from "../types.ts";

type Names<T> = readonly (keyof T & string)[];

export const textNames = [
  "signal",
  "worker",
  "headers",
  "token",
  "hubUrl",
  "cacheKey",
] as const satisfies Names<LoadOptions>;
const shared = [...textNames, "features", "contextLength", "maxSequences"] as const;
export const loadNames: Names<LoadOptions> = [...shared, "onProgress"];
export const fitNames: Names<FitOptions> = [...shared, "memoryBytes"];
export const templateNames = [
  "tools",
  "documents",
  "enableThinking",
  "templateVariables",
] as const satisfies Names<TemplateOptions>;
export const renderNames: Names<RenderChatOptions> = [...templateNames, "addGenerationPrompt", "now"];
export const generateNames: Names<GenerateOptions> = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "frequencyPenalty",
  "presencePenalty",
  "logitBias",
  "seed",
  "maxTokens",
  "stop",
  "ignoreEndOfTurn",
  "cachePrompt",
  "priority",
  "journal",
  "signal",
];
export const chatNames: Names<ChatOptions> = [...generateNames, ...templateNames, "specialTokens"];
export const prepareNames: Names<PrepareOptions> = [...templateNames, "specialTokens", "signal"];
export const sessionNames: Names<SessionOptions> = [...templateNames, "messages"];
export const tokenizeNames: Names<TokenizeOptions> = ["addSpecial", "parseSpecial"];
export const embedNames: Names<EmbedOptions> = ["pooling", "normalize", "dimensions", "signal"];
export const profileNames: Names<ProfileOptions> = ["phase", "context", "rows"];

export const callback: Rule = [(value: unknown) => typeof value === "function", "a function"];
export const workerLike: Rule = [
  (value: { postMessage?: unknown } | null) => typeof value?.postMessage === "function",
  "a Worker",
];
const signalLike: Rule = [
  (value: { throwIfAborted?: unknown } | null) => typeof value?.throwIfAborted === "function",
  "an AbortSignal",
];

/** @throws InputError `option` */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined) check("signal", signal, signalLike);
}
