/** The loop of BPE, byte-level and SentencePiece: join the two neighbours that come first until none can be joined. */

/**
 * How early `text[start, middle)` and `text[middle, end)` are joined: the lowest first, equals from the left.
 * `undefined` = never.
 */
export type JoinOrder = (text: string, start: number, middle: number, end: number) => number | undefined;

/** Up to this length looking through all neighbours is faster than keeping them in order: most words are shorter. */
const SHORT = 32;

/** Joins the characters of `text` and returns the pieces. Takes O(n log n), so that hostile text cannot stall a page. */
export function mergePieces(text: string, order: JoinOrder): string[] {
  return text.length <= SHORT ? mergeShort(text, order) : mergeLong(text, order);
}

function mergeShort(text: string, order: JoinOrder): string[] {
  const starts: number[] = [];
  for (let i = 0; i < text.length; i += text.codePointAt(i)! > 0xffff ? 2 : 1) starts.push(i);
  starts.push(text.length);
  const never = Number.POSITIVE_INFINITY;
  const rankAt = (i: number): number =>
    i + 2 < starts.length ? (order(text, starts[i]!, starts[i + 1]!, starts[i + 2]!) ?? never) : never;
  const ranks: number[] = [];
  for (let i = 0; i + 2 < starts.length; i++) ranks.push(rankAt(i));
  for (;;) {
    let at = -1;
    let lowest = never;
    for (let i = 0; i < ranks.length; i++) {
      if (ranks[i]! >= lowest) continue;
      lowest = ranks[i]!;
      at = i;
    }
    if (at < 0) break;
    starts.splice(at + 1, 1);
    ranks.splice(at, 1);
    if (at > 0) ranks[at - 1] = rankAt(at - 1);
    if (at < ranks.length) ranks[at] = rankAt(at);
  }
  const pieces: string[] = [];
  for (let i = 0; i + 1 < starts.length; i++) pieces.push(text.slice(starts[i], starts[i + 1]));
  return pieces;
}

function mergeLong(text: string, order: JoinOrder): string[] {
  // A piece is known by its start. ends[start] = where it ends, 0 where it was joined to the piece before.
  const ends = new Int32Array(text.length + 1);
  const previous = new Int32Array(text.length + 1).fill(-1);
  const queue = new JoinQueue();
  const offer = (start: number, middle: number): void => {
    if (start < 0 || middle >= text.length) return;
    const end = ends[middle]!;
    const rank = order(text, start, middle, end);
    if (rank !== undefined) queue.push(rank, start, middle, end);
  };

  for (let start = 0, before = -1; start < text.length; ) {
    const end = start + (text.codePointAt(start)! > 0xffff ? 2 : 1);
    ends[start] = end;
    previous[start] = before;
    before = start;
    start = end;
  }
  for (let start = 0; start < text.length; start = ends[start]!) offer(start, ends[start]!);

  for (let join = queue.pop(); join; join = queue.pop()) {
    const { start, middle, end } = join;
    // One of the two has been joined to another since this was offered.
    if (ends[start] !== middle || ends[middle] !== end) continue;
    ends[start] = end;
    ends[middle] = 0;
    previous[end] = start;
    offer(previous[start]!, start);
    offer(start, end);
  }

  const pieces: string[] = [];
  for (let start = 0; start < text.length; start = ends[start]!) pieces.push(text.slice(start, ends[start]!));
  return pieces;
}

interface Join {
  rank: number;
  start: number;
  middle: number;
  end: number;
}

/** Binary heap: lowest rank first, then lowest start. */
class JoinQueue {
  readonly #heap: Join[] = [];

  push(rank: number, start: number, middle: number, end: number): void {
    const heap = this.#heap;
    const join = { rank, start, middle, end };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(join, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = join;
  }

  pop(): Join | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Join, b: Join): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.start < b.start);
}
