import type { Gpu } from "../gpu/device.ts";
import type { Binding } from "../gpu/dispatch.ts";
import type { Weight } from "./weights.ts";

/** A mixture of experts: each token goes through `perToken` (at most 16) of `count` (at most 512) MLPs. */
export interface ExpertShape {
  count: number;
  perToken: number;
}

/** The experts of each token: what `expertsSelect` writes. Slot s of a token stands for expert `ids[t, s]`. */
export interface ChosenExperts extends ExpertShape {
  /** `[T, perToken]`, u32. */
  ids: Binding;
  /** `[T, perToken]`, f32. */
  weights: Binding;
}

/** Pairs of token and slot sorted by expert, in tiles: what `expertsGather` writes and `matmul` goes through. */
export interface ExpertLists extends ExpertShape {
  /** Most pairs of a tile: `expertTile(gpu, shape)`. */
  tile: number;
  /** `[T * perToken]`, u32: `token * perToken + slot`. */
  pairs: Binding;
  /** `[expertTiles(…)]` times 4 u32. */
  tiles: Binding;
}

/** Tokens of a large batch (more is possible): what tiles are chosen for. */
const LARGE_BATCH = 512;
const SMALL_TILE = 32;
const LARGE_TILE = 64;

/** Pairs of a tile: few where an expert's list of a large batch is short, since a tile's cost does not depend on its pairs. */
export function expertTile(gpu: Gpu, { count, perToken }: ExpertShape): number {
  return gpu.software || (LARGE_BATCH * perToken) / count < LARGE_TILE ? SMALL_TILE : LARGE_TILE;
}

/** Tiles that lists of `rows` tokens have at most; as in `experts-gather.wgsl`. */
export function expertTiles({ count, perToken, tile }: ExpertShape & { tile: number }, rows: number): number {
  const pairs = rows * perToken;
  return Math.floor(pairs / tile) + Math.min(count, pairs);
}

/** Bytes of the lists' buffers for batches of up to `rows` tokens. */
export function expertListBytes(
  shape: ExpertShape & { tile: number },
  rows: number,
): { pairs: number; tiles: number } {
  return { pairs: rows * shape.perToken * 4, tiles: expertTiles(shape, rows) * 16 };
}

/**
 * The experts whose matrices a weight holds, where a weight of all would exceed the adapter's binding limit: a product
 * with each of the weights then computes its part.
 */
export interface HeldExperts {
  first: number;
  count: number;
}

/** How a kernel finds an expert's matrix in a weight that holds several, one below the other. */
export interface ExpertMatrices {
  /** Rows of one expert's matrix. */
  rows: number;
  /** Where the biases of the first one are among those of all, in units of 4. */
  biasOffset: number;
  constants: { FIRST_EXPERT: number; HELD: number };
}

/** @throws RangeError unless an expert's rows are a multiple of 4: a fault of this package, not of the caller */
export function expertMatrices(
  weight: Weight,
  { count }: ExpertShape,
  held: HeldExperts = { first: 0, count },
): ExpertMatrices {
  const rows = weight.rows / held.count;
  if (rows % 4 !== 0) {
    throw new RangeError(`${weight.rows} rows of ${held.count} experts: each needs a multiple of 4`);
  }
  return {
    rows,
    biasOffset: (held.first * rows) / 4,
    constants: { FIRST_EXPERT: held.first, HELD: held.count },
  };
}
