/**
 * Gated short convolution of a whole sequence in double precision: `[T, 3 * width]` as gate before, gate after, values;
 * weights `[width, taps]`, the last tap for the token itself.
 */
export function shortConvReference(
  bcx: Float32Array,
  weight: Float32Array,
  width: number,
  taps: number,
): Float64Array {
  const tokens = bcx.length / (3 * width);
  const y = new Float64Array(tokens * width);
  for (let t = 0; t < tokens; t++) {
    for (let c = 0; c < width; c++) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) {
        const from = t - (taps - 1) + tap;
        if (from < 0) continue;
        const row = from * 3 * width + c;
        sum += weight[c * taps + tap]! * bcx[row]! * bcx[row + 2 * width]!;
      }
      y[t * width + c] = bcx[(t * 3 + 1) * width + c]! * sum;
    }
  }
  return y;
}
