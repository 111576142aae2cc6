import type { Prompt } from "../boundary/protocol.ts";
import { InputError } from "../errors.ts";
import { MAX_END_TOKENS, type PackedSampling, packSampling } from "../kernels/sample-params.ts";
import { check, checkAll } from "../options.ts";
import { validateSampling } from "../sampling/options.ts";
import type { ChatTemplate, ReasoningMarks, Tokenizer } from "../tokenizer/index.ts";
import type { ChatOptions, ModelInfo, TemplateOptions } from "../types.ts";
import { generateRules, ids as idList, templateRules, text } from "./option-rules.ts";

/** What a generation needs to know, checked. */
export interface Request {
  promptIds: readonly number[];
  /** How the answer marks its reasoning; `null` = not at all. */
  reasoning: ReasoningMarks | null;
  sampling: PackedSampling;
  /** Fits the context together with the prompt; 0 = nothing to do. */
  maxTokens: number;
  /** Tokens that end the generation. The GPU knows the first few of them and stops by itself there. */
  endIds: ReadonlySet<number>;
  stop: readonly string[];
  /** Whether keys and values are shared with other requests. */
  cachePrompt: boolean;
  /** Those with more are begun first. */
  priority: number;
  /** Sampled earlier, before the generation was broken off. */
  generated: readonly number[];
}

/** A generation that was broken off: enough to go on with it as if it had not been. */
export interface Unfinished {
  promptIds: readonly number[];
  reasoning: ReasoningMarks | null;
  /** With a seed. */
  options: Omit<ChatOptions, keyof TemplateOptions | "signal">;
  ids: readonly number[];
}

export type ContextFacts = Pick<ModelInfo, "contextLength" | "trainedContextLength" | "vocabularySize">;

/** @throws InputError `option`, `token-id`, `prompt-too-long`, `chat-template`, `messages` */
export function readRequest(
  prompt: Prompt,
  options: Omit<ChatOptions, keyof TemplateOptions>,
  { info, tokenizer, template }: { info: ContextFacts; tokenizer: Tokenizer; template: ChatTemplate },
): Request {
  checkAll(options, generateRules);
  const { ids: promptIds, reasoning } = readPrompt(prompt, options, tokenizer, template);
  return request({ promptIds, reasoning, options, ids: [] }, { info, tokenizer });
}

/** @throws InputError `option`, `token-id`, `prompt-too-long` */
export function request(
  { promptIds, reasoning, options, ids: generated }: Unfinished,
  { info, tokenizer }: { info: ContextFacts; tokenizer: Tokenizer },
): Request {
  checkIds(promptIds, info, "prompt");
  const room = info.contextLength - promptIds.length;
  const endIds: ReadonlySet<number> = options.ignoreEndOfTurn ? new Set() : tokenizer.endOfTurnIds;
  const known = [...endIds].slice(0, MAX_END_TOKENS);
  return {
    promptIds,
    reasoning,
    sampling: packSampling(validateSampling(options, info.vocabularySize), known),
    maxTokens: Math.min(room, options.maxTokens ?? room),
    endIds,
    cachePrompt: options.cachePrompt ?? true,
    priority: options.priority ?? 0,
    generated,
    stop: typeof options.stop === "string" ? [options.stop] : [...(options.stop ?? [])],
  };
}

export function readPrompt(
  prompt: Prompt,
  { specialTokens = "text" }: ChatOptions,
  tokenizer: Tokenizer,
  template: ChatTemplate,
): { ids: readonly number[]; reasoning: ReasoningMarks | null } {
  if ("messages" in prompt) {
    checkAll(prompt.template, templateRules);
    return template.prepare(prompt.messages, { ...prompt.template, specialTokens });
  }
  if ("text" in prompt) check("prompt", prompt.text, text);
  const ids =
    "ids" in prompt ? prompt.ids : tokenizer.encode(prompt.text, { addSpecial: true, parseSpecial: true });
  return { ids, reasoning: null };
}

/** @param name what the caller calls them
 * @throws InputError `option` (no ids at all), `token-id`, `prompt-too-long` */
export function checkIds(ids: readonly number[], info: ContextFacts, name = "ids"): void {
  check(name, ids, idList);
  const { contextLength, trainedContextLength, vocabularySize } = info;
  if (ids.length === 0) {
    throw new InputError("option", `The prompt (${name}) is empty. Give at least one token.`, {
      details: { option: name },
    });
  }
  if (ids.length > contextLength) {
    throw new InputError(
      "prompt-too-long",
      `The prompt has ${ids.length} tokens; the context of this session holds ${contextLength}. Shorten it, or load the model with a larger contextLength (it was trained for ${trainedContextLength}).`,
      { details: { tokens: ids.length, contextLength } },
    );
  }
  const bad = ids.find(id => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (bad !== undefined) {
    throw new InputError(
      "token-id",
      `${bad} is not a token id: the vocabulary has ${vocabularySize} tokens, numbered from 0.`,
      {
        details: { id: bad, vocabularySize },
      },
    );
  }
}
