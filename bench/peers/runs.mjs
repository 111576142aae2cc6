// What the browser peers share: the order of measurements, and a prompt for those that take no token ids.

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
 * @param {import("../lib/peers.mjs").PageJob} job
 * @param {(tokens: number, more: number) => Promise<{ prefill: number, decode: number }>} once generates 1 + `more` tokens
 *   after a prompt of `tokens`, from an empty cache; tokens per second of either part
 */
export async function allRuns({ prefill, decodeAt, decodeTokens, runs, warmUpMs }, once) {
  const until = performance.now() + warmUpMs;
  do await once(16, 4);
  while (performance.now() < until);
  /** @param {number} tokens @param {number} more @param {"prefill" | "decode"} part */
  const series = async (tokens, more, part) => {
    const tokensPerSecond = [];
    for (let run = 0; run <= runs; run++) {
      const rates = await once(tokens, more);
      if (run > 0) tokensPerSecond.push(rates[part]);
    }
    return tokensPerSecond;
  };
  const result = {
    prefill: /** @type {import("../lib/report.d.mts").PeerResult["prefill"]} */ ([]),
    decode: /** @type {import("../lib/report.d.mts").PeerResult["decode"]} */ ([]),
  };
  for (const tokens of prefill)
    result.prefill.push({ tokens, tokensPerSecond: await series(tokens, 0, "prefill") });
  for (const context of decodeAt)
    result.decode.push({
      context,
      tokensPerSecond: await series(Math.max(1, context), decodeTokens, "decode"),
    });
  return result;
}
