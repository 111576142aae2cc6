/** Messages of a request as the model's template takes them. */

import { isObject, isText } from "../../options.ts";
import type { LearnedTools } from "../../tools/learn.ts";
import type { ChatMessage, TextPart, ToolCall } from "../../types.ts";
import { invalid, unsupported } from "./errors.ts";

/** How a template wants calls. */
export type CallForm = Pick<LearnedTools, "argumentsAs" | "noContent">;

/** Of templates that were not asked, or have no calls. */
export const PLAIN_CALLS: CallForm = { argumentsAs: "object", noContent: null };

/** @throws ApiError, which names the field */
export function messagesOf(
  given: readonly unknown[],
  { argumentsAs, noContent }: CallForm,
  field = "messages",
): ChatMessage[] {
  if (given.length === 0) throw invalid(field, `'${field}' is empty; give at least one message.`);
  /** Names of the functions by the ids of their calls: some templates print them with the results. */
  const names = new Map<string, string>();
  return given.map((value, index) => {
    const place = `${field}[${index}]`;
    if (!isObject(value)) throw invalid(place, `'${place}' must be an object.`);
    const { role, content, tool_calls, tool_call_id, name, reasoning_content } = value;
    if (!isText(role)) throw invalid(`${place}.role`, `'${place}.role' must be a string.`);
    const calls = Array.isArray(tool_calls)
      ? tool_calls.map((call, number) => callOf(call, `${place}.tool_calls[${number}]`, argumentsAs))
      : [];
    for (const { id, function: called } of calls) if (id) names.set(id, called.name);
    const called = isText(name) ? name : isText(tool_call_id) ? names.get(tool_call_id) : undefined;
    return {
      // the templates' name for what the API has called so since 2024
      role: role === "developer" ? "system" : role,
      content: calls.length > 0 && !content ? noContent : contentOf(content, `${place}.content`),
      ...(calls.length > 0 && { tool_calls: calls }),
      ...(isText(tool_call_id) && { tool_call_id }),
      ...(called !== undefined && { name: called }),
      ...(isText(reasoning_content) && { reasoning_content }),
    };
  });
}

/** Text, or parts of text. */
export function contentOf(content: unknown, place: string): ChatMessage["content"] {
  if (content === undefined || content === null) return null;
  if (isText(content)) return content;
  if (!Array.isArray(content)) throw invalid(place, `'${place}' must be a string or a list of parts.`);
  return content.map((part, index): TextPart => {
    const { type, text, refusal } = Object(part) as Record<string, unknown>;
    if (isText(text)) return { type: "text", text };
    if (isText(refusal)) return { type: "text", text: refusal };
    throw unsupported(`${place}[${index}].type`, `A part of the type ${JSON.stringify(type ?? null)}`);
  });
}

function callOf(given: unknown, place: string, argumentsAs: CallForm["argumentsAs"]): ToolCall {
  const { id, function: called } = Object(given) as Record<string, unknown>;
  const { name, arguments: text } = Object(called) as Record<string, unknown>;
  if (!isText(name)) throw invalid(`${place}.function.name`, `'${place}.function.name' must be a string.`);
  return {
    ...(isText(id) && { id }),
    type: "function",
    function: { name, arguments: argumentsOf(text ?? "{}", `${place}.function.arguments`, argumentsAs) },
  };
}

/** Clients send JSON as text; most templates print an object. */
function argumentsOf(
  given: unknown,
  place: string,
  argumentsAs: CallForm["argumentsAs"],
): ToolCall["function"]["arguments"] {
  let value = given;
  if (isText(given)) {
    try {
      value = given.trim() === "" ? {} : JSON.parse(given);
    } catch {
      value = null; // JSON.parse fails in no other way: refused below
    }
  }
  if (!isObject(value)) throw invalid(place, `'${place}' must be the text of a JSON object.`);
  return argumentsAs === "text" ? JSON.stringify(value) : value;
}
