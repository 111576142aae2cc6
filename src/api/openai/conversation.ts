/** What chat completions and responses have in common: a conversation with tools and reasoning, answered by a model. */

import { isText } from "../../options.ts";
import type { ChatMessage, ChatOptions } from "../../types.ts";
import { type AnswerEnd, type AnswerPiece, piecesOf } from "./answer.ts";
import { invalid } from "./errors.ts";
import { defined } from "./sampling.ts";
import type { Call } from "./served.ts";
import type { OfferedTools } from "./tools.ts";

export interface Conversation {
  messages: readonly ChatMessage[];
  options: ChatOptions;
  tools: OfferedTools | null;
  /** `none` switches the reasoning off in models that can; the others reach the template as `reasoning_effort`. */
  effort: string | undefined;
  /** Further variables of the template, as other local servers take them. */
  variables: Readonly<Record<string, unknown>> | undefined;
}

const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh"];

export function effortOf(effort: unknown, place: string): string | undefined {
  if (effort === undefined) return undefined;
  if (isText(effort) && EFFORTS.includes(effort)) return effort;
  throw invalid(place, `'${place}' must be one of ${EFFORTS.join(", ")}.`);
}

export function converse(
  { model, signal }: Call,
  { messages, options, tools, effort, variables }: Conversation,
): AsyncGenerator<AnswerPiece, AnswerEnd> {
  const template = { ...(effort && { reasoning_effort: effort }), ...variables };
  const generation = model.chat(messages, {
    ...options,
    ...defined({
      tools: tools?.definitions,
      enableThinking: effort === undefined ? undefined : effort !== "none",
      templateVariables: Object.keys(template).length > 0 ? template : undefined,
    }),
    signal,
  });
  return piecesOf(model, generation, tools, signal);
}
