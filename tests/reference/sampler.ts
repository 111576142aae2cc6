import type { ResolvedSampling } from "../../src/sampling/options.ts";

/** What was said before a token is drawn. */
export interface History {
  /** The last ids of prompt and answer together; the last 64 count. */
  recent: readonly number[];
  /** All ids of the answer so far. */
  generated: readonly number[];
}

/** Penalties, then bias, one token after the other, as their definitions say. */
export function adjustedLogits(
  logits: Float32Array,
  sampling: ResolvedSampling,
  history: History,
): Float64Array {
  const adjusted = Float64Array.from(logits);
  for (const id of new Set(history.recent.slice(-64))) {
    const logit = adjusted[id]!;
    adjusted[id] = logit > 0 ? logit / sampling.repetitionPenalty : logit * sampling.repetitionPenalty;
  }
  for (const id of history.generated) adjusted[id]! -= sampling.frequencyPenalty;
  for (const id of new Set(history.generated)) adjusted[id]! -= sampling.presencePenalty;
  for (const [id, value] of sampling.logitBias) adjusted[id]! += value;
  return adjusted;
}

/** The lowest id among those with the greatest logit. */
export function greedyReference(logits: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}

/**
 * Probability of each token that can be drawn, by id: temperature, top-k, top-p, min-p, one after the other.
 */
export function candidates(logits: ArrayLike<number>, sampling: ResolvedSampling): Map<number, number> {
  const greatest = logits[greedyReference(logits)]!;
  let list = Array.from(logits, (logit, id) => ({
    id,
    weight: Math.exp((logit - greatest) / sampling.temperature),
  }))
    .filter(({ id }) => logits[id]! > Number.NEGATIVE_INFINITY)
    .sort((a, b) => logits[b.id]! - logits[a.id]! || a.id - b.id);
  if (sampling.topK > 0) list = list.slice(0, sampling.topK);
  const mass = list.reduce((sum, { weight }) => sum + weight, 0);
  if (sampling.topP < 1) {
    let sum = 0;
    const enough = list.findIndex(({ weight }) => (sum += weight) >= sampling.topP * mass);
    if (enough >= 0) list = list.slice(0, enough + 1);
  }
  list = list.filter(({ weight }) => weight >= sampling.minP);
  const rest = list.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(list.map(({ id, weight }) => [id, weight / rest]));
}

/** The hash of `random_bits` in `sample-weight.wgsl`. */
function randomBits(id: number, generated: number, seed: number): number {
  let [x, y, z] = [id, generated, seed].map(v => (Math.imul(v, 1664525) + 1013904223) >>> 0) as [
    number,
    number,
    number,
  ];
  const mix = (a: number, b: number, c: number): number => (a + Math.imul(b, c)) >>> 0;
  x = mix(x, y, z);
  y = mix(y, z, x);
  z = mix(z, x, y);
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  return mix(x, y, z);
}

/**
 * The draw itself: greatest log-probability plus Gumbel noise. `margin` is how far ahead of the second it
 * was.
 */
export function drawReference(
  probabilities: Map<number, number>,
  seed: number,
  generated: number,
): { id: number; margin: number } {
  const races = [...probabilities].map(([id, probability]) => {
    const u = Math.min((randomBits(id, generated, seed) + 0.5) / 2 ** 32, 1 - 2 ** -24);
    return { id, race: Math.log(probability) - Math.log(-Math.log1p(-u)) };
  });
  races.sort((a, b) => b.race - a.race);
  return { id: races[0]!.id, margin: races[0]!.race - (races[1]?.race ?? Number.NEGATIVE_INFINITY) };
}
