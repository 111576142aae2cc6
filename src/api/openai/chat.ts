/** POST /v1/chat/completions */

import { isObject } from "../../options.ts";
import { type AnswerEnd, type AnswerPiece, usageOf, type WholeAnswer, whole } from "./answer.ts";
import { converse, effortOf } from "./conversation.ts";
import { unsupported } from "./errors.ts";
import type { Fields } from "./fields.ts";
import { messagesOf, PLAIN_CALLS } from "./messages.ts";
import { events, json } from "./replies.ts";
import { choicesOf, samplingOf } from "./sampling.ts";
import { type Call, now, randomId } from "./served.ts";
import { callForm, offeredTools } from "./tools.ts";

export async function chatCompletions(call: Call, cancel: () => void): Promise<Response> {
  const { fields, model, signal } = call;
  fields.refuse({
    logprobs: "Probabilities of tokens",
    top_logprobs: "Probabilities of tokens",
    audio: "Speech",
    functions: "The old form of tools",
    function_call: "The old form of tool_choice",
    web_search_options: "Search",
  });
  refuseFormats(fields);
  const choices = choicesOf(fields) ?? 1;
  const given = fields.required("messages", fields.list("messages"));
  const tools = await offeredTools(model, fields, "function");
  const calls = given.some(message => isObject(message) && message.tool_calls);
  const form = tools ?? (calls ? await callForm(model) : PLAIN_CALLS);
  const messages = messagesOf(given, form);
  const maxTokens = fields.whole("max_completion_tokens", 1) ?? fields.whole("max_tokens", 1);
  const { effort, variables } = templateOf(fields);
  const answers = (choice: number): AsyncGenerator<AnswerPiece, AnswerEnd> => {
    const options = { ...samplingOf(fields, choice), ...(maxTokens && { maxTokens }) };
    return converse(call, { messages, options, tools, effort, variables });
  };
  const includeUsage = fields.inside("stream_options").flag("include_usage");
  samplingOf(fields, 0); // what is wrong is said before anything is computed
  if (fields.flag("stream"))
    return events(chunks(call, answers, choices, includeUsage), { cancel, signal, prompt: "messages" });
  const all: WholeAnswer[] = [];
  for (let choice = 0; choice < choices; choice++) all.push(await whole(answers(choice)));
  return json({
    ...head(call, "chat.completion"),
    choices: all.map((answer, index) => ({
      index,
      message: messageOf(answer),
      logprobs: null,
      finish_reason: answer.reason,
    })),
    usage: usageOf(all),
  });
}

async function* chunks(
  call: Call,
  answers: (choice: number) => AsyncGenerator<AnswerPiece, AnswerEnd>,
  choices: number,
  includeUsage: boolean,
): AsyncGenerator<object, void> {
  const shared = head(call, "chat.completion.chunk");
  const chunk = (index: number, delta: object, reason: string | null = null): object => ({
    ...shared,
    choices: [{ index, delta, logprobs: null, finish_reason: reason }],
    ...(includeUsage && { usage: null }),
  });
  const ends: AnswerEnd[] = [];
  for (let index = 0; index < choices; index++) {
    const pieces = answers(index);
    let calls = 0;
    let next = await pieces.next();
    yield chunk(index, { role: "assistant", content: "" });
    for (; !next.done; next = await pieces.next()) {
      const piece = next.value;
      if ("call" in piece) yield chunk(index, { tool_calls: [{ index: calls++, ...callOf(piece.call) }] });
      else if ("text" in piece) yield chunk(index, { content: piece.text });
      else yield chunk(index, { reasoning_content: piece.reasoning });
    }
    ends.push(next.value);
    yield chunk(index, {}, next.value.reason);
  }
  if (includeUsage) yield { ...shared, choices: [], usage: usageOf(ends) };
}

function refuseFormats(fields: Fields): void {
  const format = fields.object("response_format");
  if (format && format.type !== "text") throw unsupported("response_format", "An answer of a given form");
  const modalities = fields.list("modalities") ?? ["text"];
  if (!modalities.every(kind => kind === "text"))
    throw unsupported("modalities", "An answer that is no text");
}

function templateOf(fields: Fields) {
  return {
    effort: effortOf(fields.get("reasoning_effort"), "reasoning_effort"),
    variables: fields.object("chat_template_kwargs"),
  };
}

const head = ({ name }: Call, object: string) => ({
  id: randomId("chatcmpl-"),
  object,
  created: now(),
  model: name,
});

const callOf = ({ id, ...called }: WholeAnswer["calls"][number]) => ({
  id,
  type: "function",
  function: called,
});

function messageOf({ text, reasoning, calls }: WholeAnswer) {
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls.map(callOf) }),
  };
}
