/** RMSNorm over rows of `size`, sums in double precision. */
export function rmsNormReference(x: Float32Array, weight: Float32Array, epsilon: number): Float32Array {
  const size = weight.length;
  const y = new Float32Array(x.length);
  for (let row = 0; row < x.length; row += size) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += x[row + i]! * x[row + i]!;
    const scale = 1 / Math.sqrt(sum / size + epsilon);
    for (let i = 0; i < size; i++) y[row + i] = x[row + i]! * scale * weight[i]!;
  }
  return y;
}
