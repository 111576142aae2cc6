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
  for (const rows of [2, 1]) {
    for (const across of [8, 4, 2]) {
      const down = threads / across;
      const columns = Math.ceil(units / across);
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

export interface SubgroupGrid {
  threads: number;
  /** Threads of a team: neighbours in one subgroup, whatever its size. */
  width: number;
  /** Threads of a team that share a key. */
  lanes: number;
  /** Words of 16 bytes of a key that each holds. */
  wordsPerLane: number;
  /** Query heads that a workgroup serves. */
  tile: number;
  /** Tiles of the query heads that share a KV head. */
  tiles: number;
  /** Heads that the teams join at a time. */
  fold: number;
}

const WORD_BYTES = 16;
/** Elements of a head that a thread holds (measured: with more, too few threads are at work), and at most. */
const USUAL_ELEMENTS = 8;
const MOST_ELEMENTS = 32;
/** Numbers of queries that a thread holds, and of results as many again: what registers allow. */
const QUERY_ELEMENTS = 64;
/** Positions of a block of the cache; a team's keys must not be more in one go. */
const BLOCK = 16;

/**
 * The thread grid of decode by subgroups: as few tiles as `tilesAtLeast`, 8 heads a tile and registers allow. Undefined where a head is no multiple of 16 bytes or too wide for the subgroup.
 * @param realBytes of an element of the cache
 * @param width of a team, a power of two
 */
export function subgroupGrid(
  { heads, kvHeads, headDim }: Heads,
  realBytes: number,
  width: number,
  tilesAtLeast: number,
): SubgroupGrid | undefined {
  if ((headDim * realBytes) % WORD_BYTES !== 0) return undefined;
  const group = heads / kvHeads;
  const words = (headDim * realBytes) / WORD_BYTES;
  const fewest = Math.max(
    Math.ceil(width / BLOCK),
    Math.min(width, 2 ** Math.ceil(Math.log2(headDim / USUAL_ELEMENTS))),
  );
  for (let tiles = Math.max(Math.ceil(group / 8), Math.min(group, tilesAtLeast)); tiles <= group; tiles++) {
    const tile = Math.ceil(group / tiles);
    for (let lanes = fewest; lanes <= width; lanes *= 2) {
      const wordsPerLane = Math.ceil(words / lanes);
      const elements = (wordsPerLane * WORD_BYTES) / realBytes;
      if (elements > MOST_ELEMENTS || elements * tile > QUERY_ELEMENTS) continue;
      const most = tilesAtLeast > 1 ? 256 : 128;
      const results = Math.floor(WORKGROUP_BYTES / (headDim * 4 + 8));
      const teams = Math.min(Math.floor(most / width), results);
      const fold = Math.min(tile, Math.floor(results / teams));
      return {
        threads: teams * width,
        width,
        lanes,
        wordsPerLane,
        tile,
        tiles: Math.ceil(group / tile),
        fold,
      };
    }
  }
  return undefined;
}
