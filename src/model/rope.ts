import type { Hyperparameters } from "./hyperparameters.ts";

/**
 * Table of RoPE's rotations (Su et al. 2021), `[positions, ropeDim / 2]` pairs of (cos, sin), computed in double
 * precision: GPU sine and cosine of large angles are not exact enough at thousands of positions.
 *
 * @param factors divides each frequency: the tensor `rope_freqs.weight` of Llama 3.1 and later, `[ropeDim / 2]`
 */
export function ropeTable(
  model: Pick<Hyperparameters, "ropeBase" | "ropeFactor" | "ropeDim">,
  positions: number,
  factors?: Float32Array,
): Float32Array<ArrayBuffer> {
  const pairs = model.ropeDim / 2;
  const table = new Float32Array(positions * pairs * 2);
  for (let pair = 0; pair < pairs; pair++) {
    const frequency =
      model.ropeBase ** ((-2 * pair) / model.ropeDim) / (factors?.[pair] ?? 1) / model.ropeFactor;
    for (let position = 0; position < positions; position++) {
      const at = (position * pairs + pair) * 2;
      table[at] = Math.cos(position * frequency);
      table[at + 1] = Math.sin(position * frequency);
    }
  }
  return table;
}
