// The prompt that everything is measured with.

/**
 * Fixed pseudo-random token ids (a linear congruential sequence): the same for intab and for every peer, run after run.
 * @param {number} count
 * @param {number} vocabulary ids are below this
 * @returns {number[]}
 */
export function promptIds(count, vocabulary) {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % vocabulary;
  });
}

/** Tokens of the prompts of requests that run side by side. */
export const SIDE_PROMPT = 32;
