/** What every WebGPU adapter offers. */
const WORKGROUP_BYTES = 16384;

interface Heads {
  heads: number;
  kvHeads: number;
  headDim: number;
}

/** The thread grid of prefill: as many keys in a tile as fit into workgroup memory. */
export function prefillGrid(headDim: number): { across: number; down: number; rows: number } {
  const threads = 128;
  const units = headDim / 4;
  for (const across of [8, 4, 2]) {
    const down = threads / across;
    const columns = Math.ceil(units / across);
    for (const rows of [2, 1]) {
      const queries = down * rows;
      const bytes = 4 * across * (units + 1) * 16 + queries * (across + 1) * 16 + queries * across * 4;
      if (bytes <= WORKGROUP_BYTES && rows * columns <= 32) return { across, down, rows };
    }
  }
  throw new RangeError(`Attention heads of ${headDim} elements do not fit into workgroup memory`);
}

export interface DecodeGrid {
  threads: number;
  /** Query heads that a workgroup serves. */
  tile: number;
  /** Tiles of the query heads that share a KV head. */
  tiles: number;
  /** Keys that a thread holds of a round. */
  depth: number;
  /** Threads that share a score. */
  parts: number;
  /** Heads summed over the threads at a time. */
  fold: number;
}

/**
 * The thread grid of decode: as few tiles as `tilesAtLeast` and 8 heads a tile allow, then many keys in flight.
 * @param realBytes of an element of the cache
 */
export function decodeGrid(
  { heads, kvHeads, headDim }: Heads,
  realBytes: number,
  tilesAtLeast: number,
): DecodeGrid {
  const threads = 256;
  const group = heads / kvHeads;
  const units = headDim / 4;
  const lanes = Math.floor(threads / units);
  const first = Math.max(Math.ceil(group / 8), Math.min(group, tilesAtLeast));
  for (const depths of [[4, 2], [1]]) {
    for (let tiles = first; tiles <= group; tiles++) {
      const tile = Math.ceil(group / tiles);
      for (const depth of depths) {
        const keys = lanes * depth;
        let parts = 1;
        while (parts < 4 && units % (2 * parts) === 0 && 2 * parts * keys * tile <= threads) parts *= 2;
        const words = tile * (headDim + parts * keys + 2 * lanes + 2);
        const bytes = words * 4 + keys * (units + 1) * 4 * realBytes;
        const fold = Math.min(tile, Math.floor((WORKGROUP_BYTES - bytes) / (threads * 16)));
        if (fold >= 1) return { threads, tile, tiles: Math.ceil(group / tile), depth, parts, fold };
      }
    }
  }
  throw new RangeError(`Attention heads of ${headDim} elements do not fit into workgroup memory`);
}
