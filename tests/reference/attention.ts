/** One sequence's attention, without pages: rows of `[heads * headDim]` and `[kvHeads * headDim]`. */
export interface AttentionInput {
  heads: number;
  kvHeads: number;
  headDim: number;
  scale: number;
  /** Positions in the cache before the first row of `q`. */
  position: number;
  q: ArrayLike<number>;
  /** Keys of positions 0, 1, ... */
  k: ArrayLike<number>;
  v: ArrayLike<number>;
  /** Token i sees key j only if i - j < window. Default: no window. */
  window?: number;
  /** Scores become softcap * tanh(score / softcap). Default: no cap. */
  softcap?: number;
  /** `false`: all rows see all keys. Default: true. */
  causal?: boolean;
  /** One more logit per head in the softmax, without a value. Default: none. */
  sinks?: ArrayLike<number>;
}

/** Softmax attention with grouped heads: row t sees keys 0..position + t. Sums in double precision. */
export function attentionReference({
  heads,
  kvHeads,
  headDim,
  scale,
  position,
  q,
  k,
  v,
  window = Number.POSITIVE_INFINITY,
  softcap,
  causal = true,
  sinks,
}: AttentionInput): Float32Array {
  const out = new Float32Array(q.length);
  const rows = q.length / (heads * headDim);
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads));
      const query = (row * heads + head) * headDim;
      const last = causal ? position + row : position + rows - 1;
      const seen = Array.from({ length: last + 1 }, (_, key) => key).filter(
        key => position + row - key < window,
      );
      const scores = seen.map(key => {
        const base = (key * kvHeads + kvHead) * headDim;
        let score = 0;
        for (let i = 0; i < headDim; i++) score += q[query + i]! * k[base + i]! * scale;
        return softcap === undefined ? score : softcap * Math.tanh(score / softcap);
      });
      const sink = sinks ? sinks[head]! : Number.NEGATIVE_INFINITY;
      const largest = scores.reduce((a, b) => Math.max(a, b), sink);
      const weights = scores.map(score => Math.exp(score - largest));
      const total = weights.reduce((a, b) => a + b, Math.exp(sink - largest));
      for (let i = 0; i < headDim; i++) {
        let sum = 0;
        for (const [at, key] of seen.entries())
          sum += weights[at]! * v[(key * kvHeads + kvHead) * headDim + i]!;
        out[query + i] = sum / total;
      }
    }
  }
  return out;
}
