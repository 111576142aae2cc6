/** POST /v1/completions */

import { isText } from "../../options.ts";
import { type AnswerEnd, type AnswerPiece, piecesOf, usageOf, whole } from "./answer.ts";
import { invalid } from "./errors.ts";
import type { Fields } from "./fields.ts";
import { events, json } from "./replies.ts";
import { choicesOf, samplingOf } from "./sampling.ts";
import { type Call, now, randomId } from "./served.ts";

/** OpenAI's. */
const DEFAULT_MAX_TOKENS = 16;

export type TextOrIds = string | readonly number[];

export async function completions(call: Call, cancel: () => void): Promise<Response> {
  const { name, model, fields, signal } = call;
  fields.refuse({
    logprobs: "Probabilities of tokens",
    suffix: "Filling in",
    echo: "Giving the prompt back",
  });
  const choices = choicesOf(fields) ?? 1;
  if ((choicesOf(fields, "best_of") ?? choices) !== choices)
    throw invalid("best_of", "'best_of' must be as large as 'n'.", "unsupported_parameter");
  const prompts = textsOf(fields, "prompt");
  const maxTokens = fields.whole("max_tokens", 1) ?? DEFAULT_MAX_TOKENS;
  const includeUsage = fields.inside("stream_options").flag("include_usage");
  samplingOf(fields, 0); // what is wrong is said before anything is computed
  const runs = prompts.flatMap((prompt, number) =>
    Array.from({ length: choices }, (_, choice) => (): AsyncGenerator<AnswerPiece, AnswerEnd> => {
      const options = { ...samplingOf(fields, number * choices + choice), maxTokens, signal };
      return piecesOf(model, model.generate(prompt, options), null, signal);
    }),
  );
  const head = { id: randomId("cmpl-"), object: "text_completion", created: now(), model: name };
  const choice = (index: number, text: string, reason: string | null) => ({
    index,
    text,
    logprobs: null,
    finish_reason: reason,
  });
  /** Each prompt is counted once. */
  const usage = (ends: readonly AnswerEnd[]) => {
    const each = prompts.map((_, number) => usageOf(ends.slice(number * choices, (number + 1) * choices)));
    return each.reduce((sum, one) => ({
      prompt_tokens: sum.prompt_tokens + one.prompt_tokens,
      completion_tokens: sum.completion_tokens + one.completion_tokens,
      total_tokens: sum.total_tokens + one.total_tokens,
      prompt_tokens_details: {
        cached_tokens: sum.prompt_tokens_details.cached_tokens + one.prompt_tokens_details.cached_tokens,
      },
      completion_tokens_details: sum.completion_tokens_details,
    }));
  };

  async function* chunks(): AsyncGenerator<object, void> {
    const ends: AnswerEnd[] = [];
    const more = includeUsage && { usage: null };
    for (const [index, run] of runs.entries()) {
      const pieces = run();
      let next = await pieces.next();
      for (; !next.done; next = await pieces.next()) {
        if ("text" in next.value) yield { ...head, choices: [choice(index, next.value.text, null)], ...more };
      }
      ends.push(next.value);
      yield { ...head, choices: [choice(index, "", next.value.reason)], ...more };
    }
    if (includeUsage) yield { ...head, choices: [], usage: usage(ends) };
  }
  if (fields.flag("stream")) return events(chunks(), { cancel, signal, prompt: "prompt" });
  const answers = [];
  for (const run of runs) answers.push(await whole(run()));
  return json({
    ...head,
    choices: answers.map(({ text, reason }, index) => choice(index, text, reason)),
    usage: usage(answers),
  });
}

/** A text, its ids, or a list of either, as a list. */
export function textsOf(fields: Fields, name: string): TextOrIds[] {
  const given = fields.required(name, fields.get(name));
  const isIds = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length > 0 && value.every(id => typeof id === "number");
  if (isText(given) || isIds(given)) return [given];
  if (Array.isArray(given) && given.length > 0 && given.every(item => isText(item) || isIds(item)))
    return given as TextOrIds[];
  throw invalid(name, `'${name}' must be a string, a list of token ids, or a list of these.`);
}
