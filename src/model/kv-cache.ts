import type { Buffers } from "../gpu/buffers.ts";
import { shaderFile } from "../gpu/shader.ts";
import { constantIn } from "../gpu/struct.ts";

/** Positions in a block. */
export const KV_BLOCK = constantIn(shaderFile("shared/kv-cache"), "BLOCK");

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
  /** Positions that the cache holds; rounded up to whole blocks. */
  positions: number;
  /** Positions written at once at most. */
  batchRows: number;
}

export function kvBlocks(positions: number): number {
  return Math.ceil(positions / KV_BLOCK);
}

/** Blocks of a layer: all positions, or a ring that holds the window and the batch being written. */
export function layerBlocks({ window }: LayerCache, { positions, batchRows }: KvShape): number {
  const all = kvBlocks(positions);
  return window === undefined ? all : Math.min(all, kvBlocks(window + batchRows) + 1);
}

/** Bytes of one layer's keys and values. */
export function layerBytes(cache: LayerCache, shape: KvShape): number {
  return 2 * layerBlocks(cache, shape) * KV_BLOCK * cache.kvHeads * cache.headDim * shape.elementBytes;
}

/** A sequence's place in the cache: the physical blocks that hold its positions, in order. */
export interface KvSequence {
  readonly blocks: number[];
}

/** Where the kernels find one layer's keys and values. */
export interface CachePlace {
  /** Keys, then values. */
  buffer: GPUBuffer;
  /** Physical block of each logical block of the running sequence, u32. */
  blockTable: GPUBuffer;
  /** Physical blocks. */
  blocks: number;
}

/**
 * Paged KV cache (PagedAttention, Kwon et al. 2023): the GPU buffers of all layers, and which blocks are free. A block
 * is taken when a sequence grows into it and is free again when its sequence ends; block tables live on the GPU.
 * A layer with a sliding window has a ring instead: its table leads logical block b to block b mod ring, for good.
 */
export class KvCache {
  /** Logical blocks of a sequence at most. */
  readonly blocks: number;
  readonly #places: ReadonlyMap<LayerCache, CachePlace>;
  readonly #blockTable: GPUBuffer;
  /** Given back; besides these the blocks from `#unused` on are free. A list of all would take long where a context is huge. */
  readonly #free: number[] = [];
  #unused = 0;
  readonly #queue: GPUQueue;

  /** @throws DoesNotFitError `adapter-limit` if a layer exceeds the adapter's binding size */
  constructor(buffers: Buffers, queue: GPUQueue, layers: readonly LayerCache[], shape: KvShape) {
    this.#queue = queue;
    this.blocks = kvBlocks(shape.positions);
    this.#blockTable = buffers.storage("block table", this.blocks * 4);
    const tables = new Map([[this.blocks, this.#blockTable]]);
    const tableOf = (blocks: number): GPUBuffer => {
      const made = tables.get(blocks);
      if (made) return made;
      const table = buffers.storage(`block table of a ring of ${blocks}`, this.blocks * 4);
      const numbers = new Uint32Array(this.blocks);
      for (let block = 0; block < numbers.length; block++) numbers[block] = block % blocks;
      queue.writeBuffer(table, 0, numbers);
      tables.set(blocks, table);
      return table;
    };
    this.#places = new Map(
      layers.map(cache => {
        const blocks = layerBlocks(cache, shape);
        const buffer = buffers.storage(`KV cache of layer ${cache.layer}`, layerBytes(cache, shape));
        return [cache, { buffer, blockTable: tableOf(blocks), blocks }];
      }),
    );
  }

  get freeBlocks(): number {
    return this.#free.length + this.blocks - this.#unused;
  }

  place(cache: LayerCache): CachePlace {
    return this.#places.get(cache)!;
  }

  open(): KvSequence {
    return { blocks: [] };
  }

  /** Makes room for the sequence's first `positions` positions. @throws RangeError if the cache has no block left */
  reserve(sequence: KvSequence, positions: number): void {
    const held = sequence.blocks.length;
    while (sequence.blocks.length < kvBlocks(positions)) {
      if (this.freeBlocks === 0)
        throw new RangeError(`KV cache of ${this.blocks} blocks is full at ${positions} positions`);
      sequence.blocks.push(this.#free.pop() ?? this.#unused++);
    }
    if (sequence.blocks.length > held) {
      this.#queue.writeBuffer(this.#blockTable, held * 4, Uint32Array.from(sequence.blocks.slice(held)));
    }
  }

  close(sequence: KvSequence): void {
    this.#free.push(...sequence.blocks.splice(0));
  }
}
