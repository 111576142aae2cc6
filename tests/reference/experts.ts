import { matmulReference, type Product } from "./matmul.ts";

export interface SelectReference {
  overAll: boolean;
  scale?: number | undefined;
  /** `[count]`: sigmoids, and the greatest of them after adding this. */
  bias?: Float32Array | undefined;
  /** `[count]` */
  scales?: Float32Array | undefined;
}

/** The `perToken` experts of each token with the greatest logits (the lower id on ties), and their weights. */
export function selectReference(
  logits: Float32Array,
  count: number,
  perToken: number,
  { overAll, scale = 1, bias, scales }: SelectReference,
): { ids: Uint32Array<ArrayBuffer>; weights: Float64Array } {
  const tokens = logits.length / count;
  const ids = new Uint32Array(tokens * perToken);
  const weights = new Float64Array(tokens * perToken);
  for (let token = 0; token < tokens; token++) {
    const row = logits.subarray(token * count, (token + 1) * count);
    const sigmoid = (expert: number): number => 1 / (1 + Math.exp(-row[expert]!));
    const score = (expert: number): number => (bias ? sigmoid(expert) + bias[expert]! : row[expert]!);
    const chosen = [...row.keys()].sort((a, b) => score(b) - score(a) || a - b).slice(0, perToken);
    const greatest = row[chosen[0]!]!;
    const share = (expert: number): number => (bias ? sigmoid(expert) : Math.exp(row[expert]! - greatest));
    const shared = overAll ? [...row.keys()] : chosen;
    const total = shared.reduce((sum, expert) => sum + share(expert), 0);
    ids.set(chosen, token * perToken);
    weights.set(
      chosen.map(expert => (scale * (scales?.[expert] ?? 1) * share(expert)) / total),
      token * perToken,
    );
  }
  return { ids, weights };
}

/** Pairs `token * perToken + slot` of each expert, ascending. */
export function listsReference(ids: Uint32Array, count: number): number[][] {
  const lists: number[][] = Array.from({ length: count }, () => []);
  ids.forEach((expert, pair) => {
    lists[expert]!.push(pair);
  });
  return lists;
}

/** All experts' matrices `[count * rows, columns]`, one below the other, with a number to add to each row's result. */
export interface ExpertMatrices {
  values: Float32Array;
  bias: Float32Array | null;
  rows: number;
  columns: number;
}

/**
 * Each pair's input times its expert's matrix, plus its bias: `[pairs, rows]`.
 * @param pairsPerInput neighbouring pairs that share a row of x
 */
export function expertProducts(
  x: Float32Array | Float64Array,
  { values, bias, rows, columns }: ExpertMatrices,
  ids: Uint32Array,
  pairsPerInput: number,
): Product {
  const result = {
    values: new Float64Array(ids.length * rows),
    magnitudes: new Float64Array(ids.length * rows),
  };
  ids.forEach((expert, pair) => {
    const input = Math.floor(pair / pairsPerInput);
    const matrix = values.subarray(expert * rows * columns, (expert + 1) * rows * columns);
    const product = matmulReference(
      x.subarray(input * columns, (input + 1) * columns),
      matrix,
      rows,
      columns,
    );
    for (let row = 0; row < rows; row++) {
      const added = bias?.[expert * rows + row] ?? 0;
      result.values[pair * rows + row] = product.values[row]! + added;
      result.magnitudes[pair * rows + row] = product.magnitudes[row]! + Math.abs(added);
    }
  });
  return result;
}

/** `x[t] + scale * sum over slots s of weights[t, s] * z[t * perToken + s]` for rows of `size`. */
export function combineReference(
  x: Float32Array,
  z: Product,
  weights: ArrayLike<number>,
  size: number,
  perToken: number,
  scale = 1,
): Product {
  const values = Float64Array.from(x);
  const magnitudes = values.map(Math.abs);
  for (let i = 0; i < z.values.length; i++) {
    const pair = Math.floor(i / size);
    const at = Math.floor(pair / perToken) * size + (i % size);
    values[at]! += scale * weights[pair]! * z.values[i]!;
    magnitudes[at]! += Math.abs(scale * weights[pair]!) * z.magnitudes[i]!;
  }
  return { values, magnitudes };
}
