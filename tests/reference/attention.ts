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
}

/** Causal softmax attention with grouped heads: row t sees keys 0..position + t. Sums in double precision. */
export function attentionReference({
  heads,
  kvHeads,
  headDim,
  scale,
  position,
  q,
  k,
  v,
}: AttentionInput): Float32Array {
  const out = new Float32Array(q.length);
  const rows = q.length / (heads * headDim);
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads));
      const query = (row * heads + head) * headDim;
      const keys = position + row + 1;
      const scores = new Float64Array(keys);
      for (let key = 0; key < keys; key++) {
        const base = (key * kvHeads + kvHead) * headDim;
        for (let i = 0; i < headDim; i++) scores[key]! += q[query + i]! * k[base + i]! * scale;
      }
      const largest = scores.reduce((a, b) => Math.max(a, b));
      const weights = scores.map(score => Math.exp(score - largest));
      const total = weights.reduce((a, b) => a + b);
      for (let i = 0; i < headDim; i++) {
        let sum = 0;
        for (let key = 0; key < keys; key++)
          sum += weights[key]! * v[(key * kvHeads + kvHead) * headDim + i]!;
        out[query + i] = sum / total;
      }
    }
  }
  return out;
}
