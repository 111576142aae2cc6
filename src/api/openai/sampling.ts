import { isText } from "../../options.ts";
import type { GenerateOptions } from "../../types.ts";
import { invalid } from "./errors.ts";
import type { Fields } from "./fields.ts";

const MOST_CHOICES = 128;
/** A draw with `top_p: 0` is one among the most likely token alone. */
const LEAST_TOP_P = 1e-6;

/**
 * How tokens are drawn. What is left out has intab's defaults, not OpenAI's; `top_k`, `min_p` and `repetition_penalty` are
 * what other local servers call them.
 * @param choice number of the answer: each of several has a seed of its own
 */
export function samplingOf(fields: Fields, choice: number): GenerateOptions {
  const seed = fields.whole("seed", Number.MIN_SAFE_INTEGER);
  const topP = fields.number("top_p", 0, 1);
  return defined({
    temperature: fields.number("temperature", 0, 2),
    topP: topP === undefined ? undefined : Math.max(topP, LEAST_TOP_P),
    topK: fields.whole("top_k", 0, 0xffff_ffff),
    minP: fields.number("min_p", 0, 0.999),
    repetitionPenalty: fields.number("repetition_penalty", 0.01, 100),
    frequencyPenalty: fields.number("frequency_penalty", -2, 2),
    presencePenalty: fields.number("presence_penalty", -2, 2),
    logitBias: biasOf(fields),
    seed: seed === undefined ? undefined : (seed + choice) >>> 0,
    stop: stopOf(fields),
  });
}

/** How many answers are wanted. @param field that says so */
export function choicesOf(fields: Fields, field: "n" | "best_of" = "n"): number | undefined {
  return fields.whole(field, 1, MOST_CHOICES);
}

/** Without what is `undefined`. */
export function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function stopOf(fields: Fields): readonly string[] | undefined {
  const stop = fields.get("stop");
  if (stop === undefined) return undefined;
  const all: readonly unknown[] = Array.isArray(stop) ? stop : [stop];
  if (!all.every(text => isText(text) && text !== ""))
    throw invalid("stop", "'stop' must be a string, or a list of strings, none of them empty.");
  return all as string[];
}

function biasOf(fields: Fields): Record<number, number> | undefined {
  const bias = fields.object("logit_bias");
  if (!bias) return undefined;
  for (const [id, value] of Object.entries(bias)) {
    if (!/^\d+$/.test(id) || typeof value !== "number" || !(Math.abs(value) <= 100))
      throw invalid("logit_bias", "'logit_bias' must map token ids to numbers from -100 to 100.");
  }
  return bias as Record<number, number>;
}
