// Timed runs of one piece of work, warmed up first: in the same way for intab and for every peer.

/** Rates that are no further apart agree. */
const AGREEMENT = 0.05;
/** What does not settle for so long beyond the least warm-up is timed all the same. Milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * Does the work without counting it for at least `warmUpMs`, then until two runs in a row agree: an idle GPU clocks up in
 * steps, and only under the load itself. Then as often as asked for.
 * @template T
 * @param {{ runs: number, warmUpMs: number }} job
 * @param {() => Promise<T>} once
 * @param {(result: T) => number} rateOf
 * @returns {Promise<T[]>} of the counted runs
 */
export async function timedRuns({ runs, warmUpMs }, once, rateOf) {
  const started = performance.now();
  for (let before = Number.NaN; ; ) {
    const rate = rateOf(await once());
    const agree = Math.abs(rate - before) <= AGREEMENT * Math.max(rate, before);
    before = rate;
    const elapsed = performance.now() - started;
    if (elapsed >= warmUpMs + (agree ? 0 : PATIENCE_MS)) break;
  }
  const results = [];
  while (results.length < runs) results.push(await once());
  return results;
}
