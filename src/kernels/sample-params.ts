import { InputError } from "../errors.ts";
import { shaderFile } from "../gpu/shader.ts";
import { constantIn, StructLayout } from "../gpu/struct.ts";
import type { ResolvedSampling } from "../sampling/options.ts";

const TEXT = shaderFile("shared/sample-params");
const LAYOUT = new StructLayout(TEXT, "SampleParams");

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

export const PARAMS_BYTES = LAYOUT.bytes;
/** Byte offset of `SampleParams.tail`. */
export const TAIL_OFFSET = LAYOUT.offsetOf("tail");
/** Ids that the repetition penalty looks back. */
export const PENALTY_WINDOW = constantIn(shaderFile("shared/sample-commit"), "WINDOW");
export const MAX_END_TOKENS = 16;

const [USES_HISTORY, USES_BIAS, USES_MASS, ONE_THRESHOLD, USES_MIN_P, GREEDY] = [
  "USES_HISTORY",
  "USES_BIAS",
  "USES_MASS",
  "ONE_THRESHOLD",
  "USES_MIN_P",
  "GREEDY",
].map(flag => constantIn(TEXT, flag)) as [number, number, number, number, number, number];

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
  const greedy = sampling.temperature === 0;
  let flags = greedy ? GREEDY : 0;
  if (usesHistory) flags |= USES_HISTORY;
  if (sampling.logitBias.length > 0) flags |= USES_BIAS;
  if (topK === 0) flags |= topP < 1 ? USES_MASS : ONE_THRESHOLD;
  if (sampling.minP > 0) flags |= USES_MIN_P;

  const params = LAYOUT.pack({
    flags,
    seed: sampling.seed,
    top_k: Math.min(topK, 0x7fff_ffff),
    tail: 0,
    temperature,
    inverse_temperature: 1 / temperature,
    top_p: topP,
    min_p_gap: sampling.minP > 0 ? Math.min(-Math.log(sampling.minP) * temperature, GREATEST_F32) : 0,
    repetition: repetitionPenalty,
    frequency: frequencyPenalty,
    presence: presencePenalty,
    end_count: endTokens.length,
    end_tokens: [0, 1, 2, 3].map(word => [0, 1, 2, 3].map(i => endTokens[word * 4 + i] ?? 0)),
  });
  return { greedy, usesHistory, bias: sampling.logitBias, params };
}
