import { InputError } from "../errors.ts";
import type { SamplingOptions } from "../types.ts";

/** Sampling options with every default filled in and every value in range. */
export interface ResolvedSampling {
  temperature: number;
  /** 0 = all. */
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  frequencyPenalty: number;
  presencePenalty: number;
  /** (token id, value to add), ids ascending; `-Infinity` bans. */
  logitBias: readonly (readonly [number, number])[];
  seed: number;
}

const DEFAULTS = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
};

type NumberOption = keyof typeof DEFAULTS | "seed";

/** OpenAI's API allows 1,024 as well; enough for word lists, small enough to check each entry. */
const MAX_BIAS_ENTRIES = 1024;
/** Keeps logit + bias far from overflow in f32. */
const MAX_BIAS = 1e30;
const MAX_U32 = 0xffff_ffff;

const ranges: Record<NumberOption, { holds: (value: number) => boolean; text: string }> = {
  temperature: { holds: value => value >= 0, text: "0 or a positive number" },
  topK: { holds: value => Number.isInteger(value) && value >= 0, text: "a whole number of 0 (all) or more" },
  topP: { holds: value => value > 0 && value <= 1, text: "above 0 and at most 1" },
  minP: { holds: value => value >= 0 && value < 1, text: "0 or more and below 1" },
  // outside of this, logits overflow or vanish in f32
  repetitionPenalty: { holds: value => value >= 0.01 && value <= 100, text: "from 0.01 to 100" },
  frequencyPenalty: { holds: value => Math.abs(value) <= 2, text: "from -2 to 2" },
  presencePenalty: { holds: value => Math.abs(value) <= 2, text: "from -2 to 2" },
  seed: {
    holds: value => Number.isInteger(value) && value >= 0 && value <= MAX_U32,
    text: `a whole number from 0 to ${MAX_U32}`,
  },
};

/** A value of any type as an error message shows it, short. */
function show(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function refuse(option: string, value: unknown, range: string): InputError {
  const given = show(value);
  return new InputError("option", `${option} is ${given}; it must be ${range}.`, {
    details: { option, value: given, range },
  });
}

function checkNumber(option: NumberOption, value: unknown): number {
  const { holds, text } = ranges[option];
  if (typeof value !== "number" || !Number.isFinite(value) || !holds(value))
    throw refuse(option, value, text);
  return value;
}

function checkBias(bias: unknown, vocabularySize: number): [number, number][] {
  if (bias === undefined) return [];
  if (typeof bias !== "object" || bias === null)
    throw refuse("logitBias", bias, "an object of token id to number");
  const entries = Object.entries(bias);
  if (entries.length > MAX_BIAS_ENTRIES) {
    throw refuse("logitBias", `${entries.length} entries`, `at most ${MAX_BIAS_ENTRIES} entries`);
  }
  return entries
    .map(([key, value]): [number, number] => {
      const id = /^\d{1,10}$/.test(key) ? Number(key) : Number.NaN;
      if (!(id < vocabularySize))
        throw refuse("logitBias key", key, `a token id from 0 to ${vocabularySize - 1}`);
      const fits =
        typeof value === "number" && (value === Number.NEGATIVE_INFINITY || Math.abs(value) <= MAX_BIAS);
      if (!fits)
        throw refuse(`logitBias[${id}]`, value, `-Infinity or a number from -${MAX_BIAS} to ${MAX_BIAS}`);
      return [id, value];
    })
    .sort(([a], [b]) => a - b);
}

/**
 * Checks a caller's options and fills in what they leave out.
 * @param defaults what the model's file recommends, where it names anything
 * @throws InputError `option`
 */
export function validateSampling(
  options: SamplingOptions,
  vocabularySize: number,
  defaults: SamplingOptions = {},
): ResolvedSampling {
  const pick = (option: keyof typeof DEFAULTS): number =>
    checkNumber(option, options[option] ?? defaults[option] ?? DEFAULTS[option]);
  const topK = pick("topK");
  const seed = options.seed ?? defaults.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  return {
    temperature: pick("temperature"),
    topK: topK < vocabularySize ? topK : 0,
    topP: pick("topP"),
    minP: pick("minP"),
    repetitionPenalty: pick("repetitionPenalty"),
    frequencyPenalty: pick("frequencyPenalty"),
    presencePenalty: pick("presencePenalty"),
    logitBias: checkBias(options.logitBias ?? defaults.logitBias, vocabularySize),
    seed: checkNumber("seed", seed),
  };
}
