import { check, type Rule, refused } from "../options.ts";
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

const number = (holds: (value: number) => boolean, text: string): Rule => [
  (value: unknown) => typeof value === "number" && Number.isFinite(value) && holds(value),
  text,
];

/** What each option of one number must be. */
export const samplingRules: Readonly<Record<NumberOption, Rule>> = {
  temperature: number(value => value >= 0, "0 or a positive number"),
  topK: number(value => Number.isInteger(value) && value >= 0, "a whole number of 0 (all) or more"),
  topP: number(value => value > 0 && value <= 1, "above 0 and at most 1"),
  minP: number(value => value >= 0 && value < 1, "0 or more and below 1"),
  // outside of this, logits overflow or vanish in f32
  repetitionPenalty: number(value => value >= 0.01 && value <= 100, "from 0.01 to 100"),
  frequencyPenalty: number(value => Math.abs(value) <= 2, "from -2 to 2"),
  presencePenalty: number(value => Math.abs(value) <= 2, "from -2 to 2"),
  seed: number(
    value => Number.isInteger(value) && value >= 0 && value <= MAX_U32,
    `a whole number from 0 to ${MAX_U32}`,
  ),
};

function checkNumber(option: NumberOption, value: number): number {
  check(option, value, samplingRules[option]);
  return value;
}

function checkBias(bias: unknown, vocabularySize: number): [number, number][] {
  if (bias === undefined) return [];
  if (typeof bias !== "object" || bias === null || Array.isArray(bias))
    throw refused("logitBias", bias, "an object of token id to number");
  const entries = Object.entries(bias);
  if (entries.length > MAX_BIAS_ENTRIES) {
    throw refused("logitBias", entries, `at most ${MAX_BIAS_ENTRIES} entries`);
  }
  const checked = entries
    .map(([key, value]): [number, number] => {
      const id = /^\d{1,10}$/.test(key) ? Number(key) : Number.NaN;
      if (!(id < vocabularySize))
        throw refused("logitBias key", key, `a token id from 0 to ${vocabularySize - 1}`);
      const fits =
        typeof value === "number" && (value === Number.NEGATIVE_INFINITY || Math.abs(value) <= MAX_BIAS);
      if (!fits)
        throw refused(`logitBias[${id}]`, value, `-Infinity or a number from -${MAX_BIAS} to ${MAX_BIAS}`);
      return [id, value];
    })
    .sort(([a], [b]) => a - b);
  if (checked.filter(([, value]) => value === Number.NEGATIVE_INFINITY).length === vocabularySize)
    throw refused("logitBias", bias, "one that leaves a token: this one bans the whole vocabulary");
  return checked;
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
  const { logitBias = defaults.logitBias, seed = defaults.seed ?? randomSeed() } = options;
  const pick = (option: keyof typeof DEFAULTS): number => {
    const { [option]: value = defaults[option] ?? DEFAULTS[option] } = options;
    return checkNumber(option, value);
  };
  const topK = pick("topK");
  return {
    temperature: pick("temperature"),
    topK: topK < vocabularySize ? topK : 0,
    topP: pick("topP"),
    minP: pick("minP"),
    repetitionPenalty: pick("repetitionPenalty"),
    frequencyPenalty: pick("frequencyPenalty"),
    presencePenalty: pick("presencePenalty"),
    logitBias: checkBias(logitBias, vocabularySize),
    seed: checkNumber("seed", seed),
  };
}

/** What a request without a seed draws by. */
export const randomSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0]!;
