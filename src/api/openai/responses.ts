/** POST /v1/responses */
import type { ChatOptions } from "../../types.ts";
import type { AnswerEnd, AnswerPiece } from "./answer.ts";
import { converse, effortOf } from "./conversation.ts";
import { unsupported } from "./errors.ts";
import { PLAIN_CALLS } from "./messages.ts";
import { events, json } from "./replies.ts";
import { hasCalls, inputMessages } from "./response-input.ts";
import { samplingOf } from "./sampling.ts";
import { type Call, now, randomId } from "./served.ts";
import { callForm, offeredTools } from "./tools.ts";

export async function responses(call: Call, cancel: () => void): Promise<Response> {
  const { fields, model, signal } = call;
  fields.refuse({
    previous_response_id: "A response that goes on with a stored one",
    conversation: "A stored conversation",
    background: "Work in the background",
    prompt: "A stored prompt",
    top_logprobs: "Probabilities of tokens",
    max_tool_calls: "A limit of calls",
  });
  const truncation = fields.text("truncation") ?? "disabled";
  if (truncation !== "disabled") throw unsupported("truncation", "Shortening the input");
  if ((fields.list("include") ?? []).includes("message.output_text.logprobs"))
    throw unsupported("include", "Probabilities of tokens");
  const format = fields.inside("text").object("format");
  if (format && format.type !== "text") throw unsupported("text.format", "An answer of a given form");
  const tools = await offeredTools(model, fields);
  const form = tools ?? (hasCalls(fields.get("input")) ? await callForm(model) : PLAIN_CALLS);
  const messages = inputMessages(fields, form);
  const maxTokens = fields.whole("max_output_tokens", 1);
  const options: ChatOptions = { ...samplingOf(fields, 0), ...(maxTokens && { maxTokens }) };
  const effort = effortOf(fields.inside("reasoning").get("effort"), "reasoning.effort");
  const variables = fields.object("chat_template_kwargs");
  const stream = fields.flag("stream");
  const items = responseEvents(call, converse(call, { messages, options, tools, effort, variables }));
  if (stream) return events(items, { cancel, signal, prompt: "input", named: true });
  let last: ResponseEvent | undefined;
  for await (const item of items) last = item;
  return json(last?.response);
}

type ResponseEvent = Record<string, unknown> & { type: string };
type Item = Record<string, unknown> & { id: string; type: string };

/** All that happens to a response, in order; the last event holds it whole. */
async function* responseEvents(
  call: Call,
  pieces: AsyncGenerator<AnswerPiece, AnswerEnd>,
): AsyncGenerator<ResponseEvent, void> {
  const head = headOf(call);
  const output: Item[] = [];
  let number = 0;
  const event = (type: string, fields: object): ResponseEvent => ({
    type: `response.${type}`,
    sequence_number: number++,
    ...fields,
  });
  /** What the item under way has so far. */
  let open: { kind: "text" | "reasoning"; item: Item; text: string } | null = null;

  function* begin(kind: "text" | "reasoning"): Generator<ResponseEvent> {
    const item: Item =
      kind === "text"
        ? { id: randomId("msg_"), type: "message", status: "in_progress", role: "assistant", content: [] }
        : { id: randomId("rs_"), type: "reasoning", status: "in_progress", summary: [], content: [] };
    open = { kind, item, text: "" };
    yield event("output_item.added", { output_index: output.length, item: { ...item } });
    yield event("content_part.added", { ...placeOf(item), part: partOf(kind, "") });
  }
  function* end(): Generator<ResponseEvent> {
    if (!open) return;
    const { kind, item, text } = open;
    open = null;
    const part = partOf(kind, text);
    yield event(`${kind === "text" ? "output_text" : "reasoning_text"}.done`, {
      ...placeOf(item),
      text,
      ...(kind === "text" && { logprobs: [] }),
    });
    yield event("content_part.done", { ...placeOf(item), part });
    Object.assign(item, { status: "completed", content: [part] });
    yield event("output_item.done", { output_index: output.length, item });
    output.push(item);
  }
  const placeOf = ({ id }: Item) => ({ item_id: id, output_index: output.length, content_index: 0 });

  let next = await pieces.next();
  const begun = { ...head, status: "in_progress", output: [], usage: null };
  yield event("created", { response: begun });
  yield event("in_progress", { response: begun });
  for (; !next.done; next = await pieces.next()) {
    const piece = next.value;
    if ("call" in piece) {
      yield* end();
      yield* calling(piece.call, output, event);
      continue;
    }
    const [kind, text] =
      "text" in piece ? (["text", piece.text] as const) : (["reasoning", piece.reasoning] as const);
    if ((open as { kind: string } | null)?.kind !== kind) {
      yield* end();
      yield* begin(kind);
    }
    open!.text += text;
    yield event(`${kind === "text" ? "output_text" : "reasoning_text"}.delta`, {
      ...placeOf(open!.item),
      delta: text,
      ...(kind === "text" && { logprobs: [] }),
    });
  }
  yield* end();
  const { reason } = next.value;
  const status = reason === "length" ? "incomplete" : "completed";
  yield event(status, {
    response: {
      ...head,
      status,
      ...(status === "incomplete" && { incomplete_details: { reason: "max_output_tokens" } }),
      output,
      usage: usageOf(next.value),
    },
  });
}

function* calling(
  call: { id: string; name: string; arguments: string },
  output: Item[],
  event: (type: string, fields: object) => ResponseEvent,
): Generator<ResponseEvent> {
  const item: Item = {
    id: randomId("fc_"),
    type: "function_call",
    status: "completed",
    call_id: call.id,
    name: call.name,
    arguments: call.arguments,
  };
  const place = { item_id: item.id, output_index: output.length };
  yield event("output_item.added", {
    output_index: output.length,
    item: { ...item, status: "in_progress", arguments: "" },
  });
  yield event("function_call_arguments.delta", { ...place, delta: call.arguments });
  yield event("function_call_arguments.done", { ...place, name: call.name, arguments: call.arguments });
  yield event("output_item.done", { output_index: output.length, item });
  output.push(item);
}

const partOf = (kind: "text" | "reasoning", text: string) =>
  kind === "text"
    ? { type: "output_text", text, annotations: [], logprobs: [] }
    : { type: "reasoning_text", text };

function headOf({ name, fields }: Call) {
  return {
    id: randomId("resp_"),
    object: "response",
    created_at: now(),
    model: name,
    error: null,
    incomplete_details: null,
    instructions: fields.get("instructions") ?? null,
    max_output_tokens: fields.get("max_output_tokens") ?? null,
    metadata: fields.get("metadata") ?? {},
    parallel_tool_calls: fields.get("parallel_tool_calls") ?? true,
    previous_response_id: null,
    reasoning: fields.get("reasoning") ?? { effort: null, summary: null },
    store: false,
    temperature: fields.get("temperature") ?? null,
    text: fields.get("text") ?? { format: { type: "text" } },
    tool_choice: fields.get("tool_choice") ?? "auto",
    tools: fields.get("tools") ?? [],
    top_p: fields.get("top_p") ?? null,
    truncation: "disabled",
  };
}

function usageOf({ timings, reasoningTokens }: AnswerEnd) {
  const { promptTokens, cachedPromptTokens, generatedTokens } = timings;
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedPromptTokens },
    output_tokens: generatedTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + generatedTokens,
  };
}
