/**
 * The index of prefixes: which pages hold the keys and values of which tokens (as RadixAttention, Zheng et al. 2023, by whole
 * pages). A tree whose every node is one page of tokens after those of its parent. Plain data: no GPU, no clock.
 */

/** Stands for a page or a checkpoint that is not there any more. */
export const GONE = -1;

export interface PrefixNode {
  readonly parent: PrefixNode | null;
  /** The page's token ids, as the parent's `children` know it. */
  readonly key: string;
  /** Pages of tokens up to this one, itself included. */
  readonly depth: number;
  /** Its page in each pool; `GONE` where the pool needed it for something else. */
  readonly pages: number[];
  /** Where the state of recurrent layers behind its last token is kept; `GONE`: nowhere. */
  checkpoint: number;
  readonly children: Map<string, PrefixNode>;
}

export class Prefixes {
  readonly #pageTokens: number;
  readonly #root: PrefixNode = {
    parent: null,
    key: "",
    depth: 0,
    pages: [],
    checkpoint: GONE,
    children: new Map(),
  };
  /** Least recently used first; of a sequence the deepest first, since only leaves can leave the tree. */
  readonly #leavesFirst = new Set<PrefixNode>();
  /** Least recently used first; of a sequence the first page first, since what is behind the last one is asked for the most. */
  readonly #rootsFirst = new Set<PrefixNode>();

  /** @param pageTokens tokens of a page */
  constructor(pageTokens: number) {
    this.#pageTokens = pageTokens;
  }

  get size(): number {
    return this.#leavesFirst.size;
  }

  /** Nodes of the longest known prefix, from the first page on. @param most tokens of it at most */
  match(ids: readonly number[], most: number): PrefixNode[] {
    const chain: PrefixNode[] = [];
    let node = this.#root;
    for (let end = this.#pageTokens; end <= most; end += this.#pageTokens) {
      const next = node.children.get(this.#key(ids, end));
      if (!next) break;
      chain.push((node = next));
    }
    return chain;
  }

  /**
   * The node of the page of tokens that ends at `end`, made where it is not known yet.
   * @param parent the node of the tokens before; null: there are none
   */
  insert(
    parent: PrefixNode | null,
    ids: readonly number[],
    end: number,
    make: () => number[],
  ): { node: PrefixNode; made: boolean } {
    const above = parent ?? this.#root;
    const key = this.#key(ids, end);
    const known = above.children.get(key);
    if (known) return { node: known, made: false };
    const node: PrefixNode = {
      parent: above,
      key,
      depth: above.depth + 1,
      pages: make(),
      checkpoint: GONE,
      children: new Map(),
    };
    above.children.set(key, node);
    this.#leavesFirst.add(node);
    this.#rootsFirst.add(node);
    return { node, made: true };
  }

  /** Says that a sequence used these, which follow each other. */
  touch(chain: readonly PrefixNode[]): void {
    for (const node of [...chain].reverse()) if (this.#leavesFirst.delete(node)) this.#leavesFirst.add(node);
    for (const node of chain) if (this.#rootsFirst.delete(node)) this.#rootsFirst.add(node);
  }

  /** Those that nothing follows, least recently used first. */
  *leaves(): Iterable<PrefixNode> {
    for (const node of this.#leavesFirst) if (node.children.size === 0) yield node;
  }

  /** Least recently used first; of a sequence the first page first. */
  nodes(): Iterable<PrefixNode> {
    return this.#rootsFirst;
  }

  /** Takes a leaf out. */
  remove(node: PrefixNode): void {
    if (node.children.size > 0) throw new RangeError("Only a leaf can leave the index of prefixes");
    node.parent!.children.delete(node.key);
    this.#leavesFirst.delete(node);
    this.#rootsFirst.delete(node);
  }

  #key(ids: readonly number[], end: number): string {
    return ids.slice(end - this.#pageTokens, end).join();
  }
}
