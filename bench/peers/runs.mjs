// What the peers share: the order of measurements, and a prompt for those that take no token ids.
import { timedRuns } from "../lib/series.mjs";

const PROBE_WORDS = 64;

/**
 * A text of about so many tokens, whatever the vocabulary makes of a word.
 * @param {(text: string) => Promise<number>} countTokens
 * @returns {Promise<(tokens: number) => string>}
 */
export async function wordPrompts(countTokens) {
  const perWord = (await countTokens(" a".repeat(PROBE_WORDS))) / PROBE_WORDS;
  return tokens => " a".repeat(Math.max(1, Math.round(tokens / perWord)));
}

/**
 * @param {import("../lib/peers.mjs").PeerJob} job
 * @param {(tokens: number, more: number) => Promise<{ prefill: number, decode: number }>} once generates 1 + `more` tokens
 *   after a prompt of `tokens`, from an empty cache; tokens per second of either part
 * @param {import("../lib/peers.mjs").OnPart} onPart
 */
export async function allRuns(job, once, onPart) {
  /** @param {number} tokens @param {number} more @param {"prefill" | "decode"} part */
  const series = async (tokens, more, part) => {
    const rates = await timedRuns(
      job,
      () => once(tokens, more),
      rate => rate[part],
    );
    return rates.map(rate => rate[part]);
  };
  const result = {
    prefill: /** @type {import("../lib/report.d.mts").PeerResult["prefill"]} */ ([]),
    decode: /** @type {import("../lib/report.d.mts").PeerResult["decode"]} */ ([]),
  };
  onPart("prefill");
  for (const tokens of job.prefill)
    result.prefill.push({ tokens, tokensPerSecond: await series(tokens, 0, "prefill") });
  onPart("decode");
  for (const context of job.decodeAt)
    result.decode.push({
      context,
      tokensPerSecond: await series(Math.max(1, context), job.decodeTokens, "decode"),
    });
  return result;
}
