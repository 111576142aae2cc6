/** How keys and values lie in memory: in pages of 16 positions, in pools of layers whose pages live equally long. */

/** Positions in a page; `BLOCK` in shaders/shared/kv-cache.wgsl. */
export const KV_PAGE = 16;

/** The keys and values of one layer. */
export interface LayerCache {
  layer: number;
  kvHeads: number;
  headDim: number;
  /** Positions that the layer looks back at most, its own included; undefined = all. */
  window: number | undefined;
}

export interface KvShape {
  /** Bytes of an element: 2 with f16, 4 without. */
  elementBytes: number;
  /** Positions that the cache holds, and a sequence at most; rounded up to whole pages. */
  positions: number;
  /** Positions written at once at most. */
  batchRows: number;
  /** Sequences at a time at most. */
  slots: number;
}

/** Pages that hold so many positions. */
export function pagesFor(positions: number): number {
  return Math.ceil(positions / KV_PAGE);
}

/**
 * Pages of a layer. Without a window, one for all positions. With one, what it sees while a batch is written, and as much again
 * as it sees, so that a sequence that ended can be continued after another one ran.
 */
export function layerPages(
  { window }: Pick<LayerCache, "window">,
  { positions, batchRows }: Pick<KvShape, "positions" | "batchRows">,
): number {
  const all = pagesFor(positions);
  if (window === undefined) return all;
  return Math.min(all, pagesFor(window + batchRows) + 1 + pagesFor(window) + 1);
}

/** Bytes of one page of a layer's keys, or of its values. */
export function pageBytes(
  { kvHeads, headDim }: LayerCache,
  { elementBytes }: Pick<KvShape, "elementBytes">,
): number {
  return KV_PAGE * kvHeads * headDim * elementBytes;
}

/** Bytes of one layer's keys and values. */
export function layerBytes(cache: LayerCache, shape: Omit<KvShape, "slots">): number {
  return 2 * layerPages(cache, shape) * pageBytes(cache, shape);
}

/** The first position that a token at `position` sees. */
export function firstSeen(position: number, window: number | undefined): number {
  return window === undefined ? 0 : Math.max(0, position - window + 1);
}
