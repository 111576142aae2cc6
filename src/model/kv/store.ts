import type { Buffers } from "../../gpu/buffers.ts";
import {
  firstSeen,
  KV_PAGE,
  type KvShape,
  type LayerCache,
  layerBytes,
  layerPages,
  pageBytes,
  pagesFor,
} from "./layout.ts";
import { Pages } from "./pages.ts";
import { GONE, Prefixes, type PrefixNode } from "./prefixes.ts";
import { type LayerState, States } from "./states.ts";

/** Where the kernels find one layer's keys and values. */
export interface CachePlace {
  /** Keys, then values. */
  buffer: GPUBuffer;
  /** Physical page of each logical page of each slot's sequence `[slots, pages of a sequence]`, u32. */
  pageTable: GPUBuffer;
  /** Physical pages. */
  pages: number;
}

/** A layer's pages that a sequence holds. */
export interface HeldLayer {
  buffer: GPUBuffer;
  /** Bytes of a page's keys, or of its values. */
  pageBytes: number;
  /** Physical pages of the layer: values begin behind the keys of all. */
  count: number;
  /** By logical page; `GONE`: no token to come sees it. */
  pages: readonly number[];
}

/** A sequence's place in the store. */
export interface KvSequence {
  /** Its row of the page tables, and of the states; `GONE` once it is closed. */
  slot: number;
  /** Whether it takes part in the index of prefixes. */
  readonly shared: boolean;
  /** Tokens whose keys and values are known to be there. */
  ids: number[];
  /** Physical page of each logical page by pool; `GONE`: out of the window. */
  readonly pages: number[][];
  /** Its full pages in the index. */
  readonly chain: PrefixNode[];
  /** Checkpoints of positions that are not known to be reached yet, by position. */
  readonly pending: Map<number, Checkpoint>;
  /** Where the last checkpoint of the answer is: the next one takes its place. */
  trail: PrefixNode | null;
}

interface Checkpoint {
  number: number;
  trail: boolean;
}

/** Layers whose pages live equally long, and so share a table. */
interface Pool {
  readonly layers: { buffer: GPUBuffer; pageBytes: number }[];
  readonly window: number | undefined;
  readonly pages: Pages;
  readonly table: GPUBuffer;
}

/**
 * The keys and values of all sequences (PagedAttention, Kwon et al. 2023). A sequence takes a page when it grows into it. Full pages go
 * into an index by their tokens, where they stay when the sequence has ended, until their room is needed: a later sequence
 * that begins with the same tokens takes them over instead of computing them.
 *
 * Layers with a sliding window have pages of their own, of which a sequence keeps what the window sees. Recurrent layers have no pages but
 * states, and a sequence can only begin where a checkpoint of them was kept.
 */
export class KvStore {
  /** Logical pages of a sequence at most. */
  readonly pages: number;
  readonly states: States;
  readonly #pools: readonly Pool[];
  readonly #places: ReadonlyMap<LayerCache, CachePlace>;
  readonly #prefixes = new Prefixes(KV_PAGE);
  readonly #checkpoints: Pages;
  readonly #slots: Pages;
  readonly #device: GPUDevice;

  /** @throws DoesNotFitError `adapter-limit` if a layer exceeds the adapter's binding size */
  constructor(
    buffers: Buffers,
    device: GPUDevice,
    { caches, states }: { caches: readonly LayerCache[]; states: readonly LayerState[] },
    shape: KvShape,
  ) {
    this.#device = device;
    this.pages = pagesFor(shape.positions);
    this.states = new States(buffers, states, shape.slots);
    this.#checkpoints = new Pages(this.states.checkpoints);
    this.#slots = new Pages(shape.slots);
    const pools = new Map<number, Pool>();
    this.#places = new Map(
      caches.map(cache => {
        const count = layerPages(cache, shape);
        // a window in which the whole sequence fits needs no page to be given back
        const window = count === this.pages ? undefined : cache.window;
        const pool = pools.get(window ?? 0) ?? {
          layers: [],
          window,
          pages: new Pages(count),
          table: buffers.storage(
            `page table${window ? ` of a window of ${window}` : ""}`,
            shape.slots * this.pages * 4,
          ),
        };
        pools.set(window ?? 0, pool);
        const buffer = buffers.storage(`KV cache of layer ${cache.layer}`, layerBytes(cache, shape));
        pool.layers.push({ buffer, pageBytes: pageBytes(cache, shape) });
        return [cache, { buffer, pageTable: pool.table, pages: count }];
      }),
    );
    this.#pools = [...pools.values()];
  }

  place(cache: LayerCache): CachePlace {
    return this.#places.get(cache)!;
  }

  /**
   * A new sequence, and how many of its first tokens need not be computed: the last one always does.
   * @param ids of the prompt; none where it is to share nothing
   * @throws RangeError where all slots are taken
   */
  open(ids: readonly number[] = []): { sequence: KvSequence; cached: number } {
    const slot = this.#slots.take();
    if (slot === undefined) throw new RangeError(`All ${this.#slots.count} slots are taken`);
    const sequence: KvSequence = {
      slot,
      shared: ids.length > 0,
      ids: [],
      pages: this.#pools.map(() => []),
      chain: [],
      pending: new Map(),
      trail: null,
    };
    const chain = this.#usable(this.#prefixes.match(ids, ids.length - 1));
    const last = chain.at(-1);
    if (!last) return { sequence, cached: 0 };
    const cached = last.depth * KV_PAGE;
    sequence.ids = ids.slice(0, cached);
    sequence.chain.push(...chain);
    for (const [index, pool] of this.#pools.entries()) {
      const { pages, table } = pool;
      const needed = this.#firstNeeded(pool, cached);
      const mine = sequence.pages[index]!;
      for (const [place, node] of chain.entries()) mine.push(place < needed ? GONE : node.pages[index]!);
      for (const page of mine) if (page !== GONE) pages.hold(page);
      this.#write(table, slot, 0, mine);
    }
    this.#prefixes.touch(chain);
    if (this.states.checkpoints > 0) {
      const encoder = this.#device.createCommandEncoder();
      this.states.restore(encoder, last.checkpoint, slot);
      this.#device.queue.submit([encoder.finish()]);
    }
    return { sequence, cached };
  }

  /** Makes room for the sequence's first `positions` positions. `false`: what other sequences hold leaves too little. */
  reserve(sequence: KvSequence, positions: number): boolean {
    return this.#pools.every((pool, index) => {
      const mine = sequence.pages[index]!;
      const held = mine.length;
      const needed = this.#firstNeeded(pool, sequence.ids.length);
      while (mine.length < needed) mine.push(GONE);
      let page: number | undefined = GONE;
      while (mine.length < pagesFor(positions) && page !== undefined) {
        page = pool.pages.take() ?? this.#evict(index);
        if (page !== undefined) mine.push(page);
      }
      this.#write(pool.table, sequence.slot, held, mine.slice(held));
      return page !== undefined;
    });
  }

  /**
   * Says which tokens the sequence has now, keys and values computed. Its full pages enter the index, and pages that no window
   * reaches any more are given back.
   */
  advance(sequence: KvSequence, ids: readonly number[]): void {
    sequence.ids.push(...ids);
    if (sequence.shared) this.#index(sequence);
    const known = sequence.ids.length;
    for (const [index, pool] of this.#pools.entries()) {
      const { pages } = pool;
      const needed = this.#firstNeeded(pool, known);
      const mine = sequence.pages[index]!;
      for (let place = needed - 1; place >= 0 && mine[place] !== GONE; place--) {
        pages.letGo(mine[place]!);
        mine[place] = GONE;
      }
    }
  }

  /** Positions that a sequence can have at most while none is known to be computed behind `position`. */
  reach(position: number): number {
    const ends = this.#pools.map(pool => this.#firstNeeded(pool, position) + pool.pages.count);
    return Math.min(this.pages, ...ends) * KV_PAGE;
  }

  /** Positions from this one to the next where a checkpoint can be; endless where no layer has a state. */
  untilCheckpoint(position: number): number {
    return this.states.checkpoints > 0 ? KV_PAGE - (position % KV_PAGE) : Number.POSITIVE_INFINITY;
  }

  /**
   * Where a chunk of a prompt from `position` on ends, of at most so many rows. Where states are kept, at the end of a page, so that
   * they can be; the last one before the prompt's last token, from where on prompts part.
   * @param all tokens of the prompt
   */
  chunkEnd(position: number, rows: number, all: number): number {
    const end = Math.min(position + rows, all);
    const page = Math.floor(Math.min(end, all - 1) / KV_PAGE) * KV_PAGE;
    return this.states.checkpoints > 0 && page > position ? page : end;
  }

  /**
   * Keeps the state that the sequence has once all before in the queue is done; only whole pages of tokens can be gone on from.
   * @param trail it takes the place of the last one of the answer
   */
  checkpoint(sequence: KvSequence, position: number, trail = false): void {
    if (this.states.checkpoints === 0 || !sequence.shared || position % KV_PAGE !== 0) return;
    const number = this.#checkpoints.take() ?? this.#evictCheckpoint();
    if (number === undefined) return;
    const encoder = this.#device.createCommandEncoder();
    this.states.keep(encoder, sequence.slot, number);
    this.#device.queue.submit([encoder.finish()]);
    sequence.pending.set(position, { number, trail });
  }

  /** Ends a sequence; what is in the index stays. Twice does no harm. */
  close(sequence: KvSequence): void {
    if (sequence.slot === GONE) return;
    this.#slots.letGo(sequence.slot);
    sequence.slot = GONE;
    for (const [index, { pages }] of this.#pools.entries()) {
      for (const page of sequence.pages[index]!.splice(0)) if (page !== GONE) pages.letGo(page);
    }
    for (const { number } of sequence.pending.values()) this.#checkpoints.letGo(number);
    sequence.pending.clear();
    this.#prefixes.touch(sequence.chain.splice(0));
  }

  /**
   * A sequence of whole pages of tokens that the caller fills. `reserve` gives it those that the next token sees; with `checkpoint`
   * and `advance` by nothing it enters the index.
   */
  adopt(ids: readonly number[]): KvSequence {
    const { sequence } = this.open();
    return { ...sequence, shared: true, ids: [...ids] };
  }

  /** What a sequence holds, layer by layer. */
  held(sequence: KvSequence): HeldLayer[] {
    return this.#pools.flatMap(({ layers, pages: { count } }, index) =>
      layers.map(layer => ({ ...layer, count, pages: sequence.pages[index]! })),
    );
  }

  /** Empties the index, but for what running sequences hold. */
  forget(): void {
    for (let left = -1; left !== this.#prefixes.size; ) {
      left = this.#prefixes.size;
      for (const node of [...this.#prefixes.leaves()]) if (!this.#isHeld(node)) this.#forget(node);
    }
  }

  /** Pages in all pools that are free or can be at once; after all sequences are closed, every page. */
  get unheld(): number {
    let pages = this.#pools.reduce((sum, pool) => sum + pool.pages.free, 0);
    for (const node of this.#prefixes.nodes())
      for (const [index, { pages: pool }] of this.#pools.entries())
        if (node.pages[index] !== GONE && pool.holders(node.pages[index]!) === 1) pages++;
    return pages;
  }

  /** Pages of tokens in the index. */
  get prefixes(): number {
    return this.#prefixes.size;
  }

  /** Sequences that can be open at a time. */
  get slots(): number {
    return this.#slots.count;
  }

  get freeSlots(): number {
    return this.#slots.free;
  }

  get freeCheckpoints(): number {
    return this.#checkpoints.free;
  }

  #isHeld(node: PrefixNode): boolean {
    return this.#pools.some(
      ({ pages }, index) => node.pages[index] !== GONE && pages.holders(node.pages[index]!) > 1,
    );
  }

  #firstNeeded({ window }: Pool, position: number): number {
    return Math.floor(firstSeen(position, window) / KV_PAGE);
  }

  /** The longest part of a chain of which all is there that its continuation sees. */
  #usable(chain: readonly PrefixNode[]): readonly PrefixNode[] {
    const reaches = (length: number): boolean =>
      this.#pools.every((pool, index) => {
        if (pool.window === undefined) return true; // these are there as long as their node is
        const needed = this.#firstNeeded(pool, length * KV_PAGE);
        return chain.slice(needed, length).every(({ pages }) => pages[index] !== GONE);
      });
    for (let length = chain.length; length > 0; length--) {
      const goesOn = this.states.checkpoints === 0 || chain[length - 1]!.checkpoint !== GONE;
      if (goesOn && reaches(length)) return chain.slice(0, length);
    }
    return [];
  }

  #index(sequence: KvSequence): void {
    const { ids, chain, pages } = sequence;
    for (let end = (chain.length + 1) * KV_PAGE; end <= ids.length; end += KV_PAGE) {
      const place = chain.length;
      const { node, made } = this.#prefixes.insert(chain.at(-1) ?? null, ids, end, () =>
        pages.map(pool => pool[place]!),
      );
      for (const [index, { pages: pool }] of this.#pools.entries()) {
        const mine = pages[index]![place]!;
        // what the index had lost of an older sequence, this one has
        if (!made && node.pages[index] === GONE) node.pages[index] = mine;
        else if (!made) continue;
        if (mine !== GONE) pool.hold(mine);
      }
      chain.push(node);
      this.#attach(sequence, node, end);
    }
  }

  /** Puts a checkpoint where it belongs, now that the sequence is known to have come there. */
  #attach(sequence: KvSequence, node: PrefixNode, end: number): void {
    const kept = sequence.pending.get(end);
    if (!kept) return;
    sequence.pending.delete(end);
    if (node.checkpoint !== GONE) {
      this.#checkpoints.letGo(kept.number);
      return;
    }
    node.checkpoint = kept.number;
    if (!kept.trail) return;
    if (sequence.trail) this.#dropCheckpoint(sequence.trail);
    sequence.trail = node;
  }

  /** Takes a page from the index: of a window's pool the oldest page that nobody uses, else the least recently used end of a prefix. */
  #evict(index: number): number | undefined {
    const { pages, window } = this.#pools[index]!;
    const unused = (node: PrefixNode): boolean =>
      node.pages[index] !== GONE && pages.holders(node.pages[index]!) === 1;
    for (const node of window === undefined ? this.#prefixes.leaves() : this.#prefixes.nodes()) {
      if (!unused(node)) continue;
      if (window === undefined) {
        this.#forget(node);
      } else {
        pages.letGo(node.pages[index]!);
        node.pages[index] = GONE;
        this.#prune(node);
      }
      return pages.take();
    }
    return undefined;
  }

  /** Takes out what holds nothing any more: where all layers have windows, nothing else would. */
  #prune(node: PrefixNode): void {
    for (let at: PrefixNode | null = node; at?.parent; at = at.parent) {
      if (at.children.size > 0 || at.pages.some(page => page !== GONE)) return;
      this.#forget(at);
    }
  }

  #forget(node: PrefixNode): void {
    this.#prefixes.remove(node);
    for (const [index, { pages }] of this.#pools.entries()) {
      const page = node.pages[index]!;
      if (page !== GONE) pages.letGo(page);
    }
    this.#dropCheckpoint(node);
  }

  #dropCheckpoint(node: PrefixNode): void {
    if (node.checkpoint !== GONE) this.#checkpoints.letGo(node.checkpoint);
    node.checkpoint = GONE;
  }

  #evictCheckpoint(): number | undefined {
    for (const node of this.#prefixes.nodes()) {
      if (node.checkpoint === GONE) continue;
      this.#dropCheckpoint(node);
      return this.#checkpoints.take();
    }
    return undefined;
  }

  #write(table: GPUBuffer, slot: number, from: number, pages: readonly number[]): void {
    if (pages.length === 0) return;
    // an entry that nothing reads any more still has to be a page
    this.#device.queue.writeBuffer(
      table,
      (slot * this.pages + from) * 4,
      Uint32Array.from(pages, page => Math.max(0, page)),
    );
  }
}
