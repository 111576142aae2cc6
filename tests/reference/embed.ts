export interface EmbedReference {
  /** Which row each token gets. Default: its own. */
  row?: "token" | "position" | "first";
  /** Of the first token. */
  position?: number;
  scale?: number;
  /** Where the embedding's first row stands in the whole one. */
  firstRow?: number;
}

/** Rows of a dequantised embedding `[V, D]` for each token, times `scale`; zeros for a row that it does not hold. */
export function embedReference(
  embedding: Float32Array,
  columns: number,
  tokens: ArrayLike<number>,
  { row = "token", position = 0, scale = 1, firstRow = 0 }: EmbedReference = {},
): Float64Array {
  const x = new Float64Array(tokens.length * columns);
  for (let t = 0; t < tokens.length; t++) {
    const index = { token: tokens[t]!, position: position + t, first: 0 }[row] - firstRow;
    if (index < 0) continue;
    const values = embedding.subarray(index * columns, (index + 1) * columns);
    x.set(
      Float64Array.from(values, value => scale * value),
      t * columns,
    );
  }
  return x;
}
