/** A result in double precision, and for each number how much rounding in single precision could matter. */
export interface Product {
  values: Float64Array;
  /** The same sum over absolute values: rounding errors are a small part of it. */
  magnitudes: Float64Array;
}

/** X W^T + b for X `[T, columns]` and W `[rows, columns]`. */
export function matmulReference(
  x: Float32Array | Float64Array,
  w: Float32Array,
  rows: number,
  columns: number,
  bias?: Float32Array,
): Product {
  const tokens = x.length / columns;
  const values = new Float64Array(tokens * rows);
  const magnitudes = new Float64Array(tokens * rows);
  for (let token = 0; token < tokens; token++) {
    for (let row = 0; row < rows; row++) {
      let sum = bias?.[row] ?? 0;
      let magnitude = Math.abs(sum);
      for (let i = 0; i < columns; i++) {
        const term = w[row * columns + i]! * x[token * columns + i]!;
        sum += term;
        magnitude += Math.abs(term);
      }
      values[token * rows + row] = sum;
      magnitudes[token * rows + row] = magnitude;
    }
  }
  return { values, magnitudes };
}

/** The description of a QKV product, as in `QkvEpilogue`. */
export interface QkvShape {
  /** Of the weight, and where the first one stands in [Q | K | V]. */
  rows: number;
  firstRow: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  rotated: number;
  kvBlocks: number;
  /** Queries times 1 + scale * ln(1 + floor(position / original)). */
  temperature?: { scale: number; original: number } | undefined;
}

/** Positions in a block of the KV cache. */
export const KV_BLOCK = 16;

/**
 * Rotates queries and keys of a QKV product and puts them into `queries` `[T, heads * headDim]` and
 * `cache` `[key or value][physical block][KV head][slot][headDim]`, changing nothing else there.
 * @param rope (cos, sin) of `[position, rotated / 2]`
 */
export function qkvReference(
  product: Product,
  shape: QkvShape,
  position: number,
  rope: Float32Array,
  blockTable: Uint32Array,
  queries: Product,
  cache: Product,
): void {
  const { rows, firstRow, heads, kvHeads, headDim, rotated, kvBlocks, temperature } = shape;
  for (let i = 0; i < product.values.length; i++) {
    const token = Math.floor(i / rows);
    const head = Math.floor((firstRow + (i % rows)) / headDim);
    const element = (firstRow + (i % rows)) % headDim;
    let value = product.values[i]!;
    let magnitude = product.magnitudes[i]!;
    if (head < heads + kvHeads && element < rotated) {
      const at = ((position + token) * (rotated / 2) + Math.floor(element / 2)) * 2;
      const [cos, sin] = [rope[at]!, rope[at + 1]!];
      const odd = element % 2 === 1;
      const partner = odd ? i - 1 : i + 1;
      value = value * cos + (odd ? 1 : -1) * product.values[partner]! * sin;
      magnitude = magnitude * Math.abs(cos) + product.magnitudes[partner]! * Math.abs(sin);
    }
    const isQuery = head < heads;
    if (isQuery && temperature) {
      const { scale, original } = temperature;
      const grown = 1 + scale * Math.log(1 + Math.floor((position + token) / original));
      value *= grown;
      magnitude *= Math.abs(grown);
    }
    const isValue = head >= heads + kvHeads;
    const kvHead = head - heads - (isValue ? kvHeads : 0);
    const block = blockTable[Math.floor((position + token) / KV_BLOCK)]! + (isValue ? kvBlocks : 0);
    const slot = (position + token) % KV_BLOCK;
    const target = isQuery ? queries : cache;
    const at = isQuery
      ? (token * heads + head) * headDim + element
      : ((block * kvHeads + kvHead) * KV_BLOCK + slot) * headDim + element;
    target.values[at] = value;
    target.magnitudes[at] = magnitude;
  }
}
