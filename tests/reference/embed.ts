/** Rows of a dequantised embedding `[V, D]` by token id; zeros for an id past the vocabulary. */
export function embedReference(
  embedding: Float32Array,
  columns: number,
  tokens: ArrayLike<number>,
): Float32Array {
  const x = new Float32Array(tokens.length * columns);
  for (let t = 0; t < tokens.length; t++) {
    const first = tokens[t]! * columns;
    x.set(embedding.subarray(first, first + columns), t * columns);
  }
  return x;
}
