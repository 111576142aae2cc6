import type { Buffers } from "../gpu/buffers.ts";

/** Positions in a block; `BLOCK` in shaders/shared/kv-cache.wgsl. */
export const KV_BLOCK = 16;

export interface KvShape {
  layers: number;
  kvHeads: number;
  headDim: number;
  /** Bytes of an element: 2 with f16, 4 without. */
  elementBytes: number;
  /** Positions that the cache holds; rounded up to whole blocks. */
  positions: number;
}

export function kvBlocks(positions: number): number {
  return Math.ceil(positions / KV_BLOCK);
}

/** Bytes of one layer's keys and values. */
export function kvLayerBytes({ kvHeads, headDim, elementBytes, positions }: KvShape): number {
  return 2 * kvBlocks(positions) * KV_BLOCK * kvHeads * headDim * elementBytes;
}

/** A sequence's place in the cache: the physical blocks that hold its positions, in order. */
export interface KvSequence {
  readonly blocks: number[];
}

/**
 * Paged KV cache (PagedAttention, Kwon et al. 2023): the GPU buffers of all layers, and which blocks are free. A block
 * is taken when a sequence grows into it and returns to the free list with its sequence; block tables live on the GPU.
 */
export class KvCache {
  /** One buffer per layer: keys, then values. */
  readonly layers: readonly GPUBuffer[];
  /** Physical block of each logical block of the running sequence, u32. */
  readonly blockTable: GPUBuffer;
  readonly blocks: number;
  readonly #free: number[];
  readonly #queue: GPUQueue;

  /** @throws DoesNotFitError `adapter-limit` if a layer exceeds the adapter's binding size */
  constructor(buffers: Buffers, queue: GPUQueue, shape: KvShape) {
    this.#queue = queue;
    this.blocks = kvBlocks(shape.positions);
    this.layers = Array.from({ length: shape.layers }, (_, layer) =>
      buffers.storage(`KV cache of layer ${layer}`, kvLayerBytes(shape)),
    );
    this.blockTable = buffers.storage("block table", this.blocks * 4);
    this.#free = Array.from({ length: this.blocks }, (_, index) => this.blocks - 1 - index);
  }

  get freeBlocks(): number {
    return this.#free.length;
  }

  open(): KvSequence {
    return { blocks: [] };
  }

  /** Makes room for the sequence's first `positions` positions. @throws RangeError if the cache has no block left */
  reserve(sequence: KvSequence, positions: number): void {
    const held = sequence.blocks.length;
    while (sequence.blocks.length < kvBlocks(positions)) {
      const block = this.#free.pop();
      if (block === undefined)
        throw new RangeError(`KV cache of ${this.blocks} blocks is full at ${positions} positions`);
      sequence.blocks.push(block);
    }
    if (sequence.blocks.length > held) {
      this.#queue.writeBuffer(this.blockTable, held * 4, Uint32Array.from(sequence.blocks.slice(held)));
    }
  }

  close(sequence: KvSequence): void {
    this.#free.push(...sequence.blocks.splice(0));
  }
}
