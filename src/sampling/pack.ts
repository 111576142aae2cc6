import { InputError } from "../errors.ts";
import type { ResolvedSampling } from "./options.ts";

/** One request's sampling, ready to be written to the GPU. */
export interface PackedSampling {
  /** Temperature 0: the greedy steps serve. */
  greedy: boolean;
  /** A penalty is on: what was said so far is counted. */
  usesHistory: boolean;
  /** (token id, value to add). */
  bias: readonly (readonly [number, number])[];
  /** `SampleParams` of `shaders/shared/sample-params.wgsl`; `tail` is still 0. */
  params: ArrayBuffer;
}

export const PARAMS_BYTES = 112;
/** Byte offset of `SampleParams.tail`. */
export const TAIL_OFFSET = 12;
/** Ids that the repetition penalty looks back; `WINDOW` in `sample-commit.wgsl`. */
export const PENALTY_WINDOW = 64;
export const MAX_END_TOKENS = 16;

/** The flags of `sample-params.wgsl`. */
const USES_HISTORY = 1;
const USES_BIAS = 2;
const USES_MASS = 4;
const ONE_THRESHOLD = 8;
const USES_MIN_P = 16;

/**
 * Below this the distribution is a step for any logits that differ in f32, and 1 / temperature stays in
 * range.
 */
const LEAST_TEMPERATURE = 1e-6;
const GREATEST_F32 = 3.4e38;

/**
 * @param endTokens ids that end the sequence once sampled, at most 16
 * @throws InputError `option`
 */
export function packSampling(sampling: ResolvedSampling, endTokens: readonly number[]): PackedSampling {
  if (endTokens.length > MAX_END_TOKENS) {
    throw new InputError(
      "option",
      `${endTokens.length} end tokens; the sampler takes at most ${MAX_END_TOKENS}.`,
      {
        details: { option: "endTokens", value: endTokens.length, range: `at most ${MAX_END_TOKENS}` },
      },
    );
  }
  const { topK, repetitionPenalty, frequencyPenalty, presencePenalty } = sampling;
  const temperature = Math.min(Math.max(sampling.temperature, LEAST_TEMPERATURE), GREATEST_F32);
  const topP = Math.fround(sampling.topP);
  const usesHistory = repetitionPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0;
  let flags = 0;
  if (usesHistory) flags |= USES_HISTORY;
  if (sampling.logitBias.length > 0) flags |= USES_BIAS;
  if (topK === 0) flags |= topP < 1 ? USES_MASS : ONE_THRESHOLD;
  if (sampling.minP > 0) flags |= USES_MIN_P;

  const params = new ArrayBuffer(PARAMS_BYTES);
  const words = new Uint32Array(params);
  const numbers = new Float32Array(params);
  words[0] = flags;
  words[1] = sampling.seed;
  words[2] = Math.min(topK, 0x7fff_ffff);
  numbers[4] = temperature;
  numbers[5] = 1 / temperature;
  numbers[6] = topP;
  numbers[7] = sampling.minP > 0 ? Math.min(-Math.log(sampling.minP) * temperature, GREATEST_F32) : 0;
  numbers[8] = repetitionPenalty;
  numbers[9] = frequencyPenalty;
  numbers[10] = presencePenalty;
  words[11] = endTokens.length;
  words.set(endTokens, 12);
  return { greedy: sampling.temperature === 0, usesHistory, bias: sampling.logitBias, params };
}
