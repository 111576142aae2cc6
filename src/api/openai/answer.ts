/** One answer of a model, as pieces: text, reasoning, calls of tools. */
import type { Generation } from "../../page/generation.ts";
import type { Timings } from "../../types.ts";
import { withMarks } from "./hidden-marks.ts";
import { randomId, type ServedModel } from "./served.ts";
import type { OfferedTools } from "./tools.ts";

export interface AnsweredCall {
  /** Nine letters and digits: the templates of some models take no other. */
  id: string;
  name: string;
  arguments: string;
}

export type AnswerPiece = { text: string } | { reasoning: string } | { call: AnsweredCall };

export interface AnswerEnd {
  reason: "stop" | "length" | "tool_calls";
  timings: Timings;
  /** Tokens that the reasoning took; a few more, where its end and text came together. */
  reasoningTokens: number;
}

/**
 * @param generation under way
 * @param signal of the generation
 * @throws what the generation fails with; the signal's reason
 */
export async function* piecesOf(
  model: ServedModel,
  generation: Generation,
  tools: OfferedTools | null,
  signal: AbortSignal,
): AsyncGenerator<AnswerPiece, AnswerEnd> {
  const stream = tools?.stream();
  let called = false;
  let reasoningTokens = 0;
  const taken = function* (events: ReturnType<NonNullable<typeof stream>["push"]>): Generator<AnswerPiece> {
    for (const event of events) {
      if (called && tools?.single) return;
      if ("call" in event) called = true;
      yield "call" in event ? { call: { id: randomId("", 9), ...event.call } } : event;
    }
  };
  for await (const chunk of generation) {
    if (chunk.reasoning) {
      reasoningTokens += chunk.ids.length;
      yield { reasoning: chunk.reasoning };
    }
    if (tools && stream) yield* taken(stream.push(await withMarks(model, chunk, tools.hidden)));
    else if (chunk.text) yield { text: chunk.text };
    if (called && tools?.single) break;
  }
  const { finishReason, timings } = await generation;
  if (signal.aborted) throw signal.reason;
  if (stream && !(called && tools?.single)) yield* taken(stream.flush());
  const reason = finishReason === "length" ? "length" : called ? "tool_calls" : "stop";
  return { reason, timings, reasoningTokens };
}

export interface WholeAnswer extends AnswerEnd {
  text: string;
  reasoning: string;
  calls: AnsweredCall[];
}

export async function whole(pieces: AsyncGenerator<AnswerPiece, AnswerEnd>): Promise<WholeAnswer> {
  const all = { text: "", reasoning: "", calls: [] as AnsweredCall[] };
  for (;;) {
    const { value, done } = await pieces.next();
    if (done) return { ...all, ...value };
    if ("call" in value) all.calls.push(value.call);
    else if ("text" in value) all.text += value.text;
    else all.reasoning += value.reasoning;
  }
}

/** Tokens of several answers to one prompt, which is counted once. */
export function usageOf(answers: readonly AnswerEnd[]) {
  const first = answers[0]?.timings;
  const sum = (count: (answer: AnswerEnd) => number): number =>
    answers.reduce((all, answer) => all + count(answer), 0);
  const prompt = first?.promptTokens ?? 0;
  const completion = sum(({ timings }) => timings.generatedTokens);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: first?.cachedPromptTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: sum(({ reasoningTokens }) => reasoningTokens) },
  };
}
