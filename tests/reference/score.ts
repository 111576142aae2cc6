/** Log-probability of `targets[t]` under row t of `logits[T, V]`, in double precision. */
export function scoreReference(
  logits: Float32Array,
  targets: ArrayLike<number>,
  vocabularySize: number,
): Float32Array {
  return Float32Array.from(targets, (target, row) => {
    const values = logits.subarray(row * vocabularySize, (row + 1) * vocabularySize);
    if (target >= vocabularySize) return Number.NaN;
    const greatest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    let sum = 0;
    for (const value of values) sum += Math.exp(value - greatest);
    return values[target]! - greatest - Math.log(sum);
  });
}
