/** Finds special tokens in text, before anything else looks at it. */
import { badField, MAX_SOUGHT, TokenType, type Vocabulary } from "./vocabulary.ts";

/** Characters of these tokens' tree. The largest known trees have 80,000; each takes some 200 bytes. */
const MAX_NODES = 524_288;

interface Node {
  next: Map<number, Node>;
  /** The token that ends here; -1 = none. */
  id: number;
  /** Bytes of its text as UTF-8. */
  bytes: number;
  /** Its length in text. */
  length: number;
  /** The longest other token that it begins with. */
  shorter: Node | undefined;
}

interface Match {
  id: number;
  start: number;
  end: number;
}

export interface SpecialTokens {
  /** `text` cut into stretches of plain text and ids of special tokens. */
  split(text: string): (string | number)[];
}

/**
 * User-defined tokens are always found; control tokens and the unknown token only with `parseSpecial`. Where two
 * overlap, the longer (in bytes) wins, then the earlier, as in llama.cpp.
 */
export function createSpecialTokens(vocabulary: Vocabulary, parseSpecial: boolean): SpecialTokens {
  const { tokens, types } = vocabulary;
  const root = newNode();
  let nodes = 0;
  for (let id = 0; id < tokens.length; id++) {
    const type = types[id];
    const wanted =
      type === TokenType.userDefined ||
      (parseSpecial && (type === TokenType.control || type === TokenType.unknown));
    const text = tokens[id]!;
    if (wanted && text !== "" && text.length <= MAX_SOUGHT) nodes += insert(root, text, id);
    if (nodes > MAX_NODES)
      throw badField(
        "tokenizer.ggml.tokens",
        `has more control and user-defined tokens than can be looked for`,
      );
  }

  return {
    split(text) {
      const pieces: (string | number)[] = [];
      let from = 0;
      for (const { id, start, end } of select(root, text, vocabulary)) {
        if (start > from) pieces.push(text.slice(from, start));
        pieces.push(id);
        from = end;
      }
      if (from < text.length) pieces.push(text.slice(from));
      return pieces;
    },
  };
}

const newNode = (): Node => ({ next: new Map(), id: -1, bytes: 0, length: 0, shorter: undefined });

/** @returns the nodes that were made */
function insert(root: Node, text: string, id: number): number {
  let node = root;
  let made = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    let next = node.next.get(code);
    if (!next) {
      node.next.set(code, (next = newNode()));
      made++;
    }
    node = next;
  }
  node.id = id;
  node.length = text.length;
  node.bytes = new TextEncoder().encode(text).length;
  return made;
}

/** The longest token at `start`, with the shorter ones there behind it. */
function longestAt(root: Node, text: string, start: number): Node | undefined {
  let found: Node | undefined;
  let node: Node | undefined = root;
  for (let at = start; node && at < text.length; at++) {
    node = node.next.get(text.charCodeAt(at));
    if (!node || node.id < 0) continue;
    node.shorter = found;
    found = node;
  }
  return found;
}

/**
 * The matches that win, in order of place; stretches a token that strips over the white space beside it. Of a place a shorter
 * token is looked at only where the longer one lost: nested tokens must not make a list of all pairs.
 */
function select(root: Node, text: string, { stripBefore, stripAfter }: Vocabulary): Match[] {
  /** By length in bytes. */
  const offers: { node: Node; start: number }[][] = [];
  const offer = (node: Node | undefined, start: number): void => {
    if (node) (offers[node.bytes] ??= []).push({ node, start });
  };
  for (let start = 0; start < text.length; start++) offer(longestAt(root, text, start), start);
  const taken = new Uint8Array(offers.length > 0 ? text.length : 0);
  const kept: Match[] = [];
  for (let bytes = offers.length - 1; bytes > 0; bytes--) {
    const same = offers[bytes] ?? [];
    same.sort((a, b) => a.node.id - b.node.id || a.start - b.start);
    for (const { node, start: from } of same) {
      let start = from;
      let end = start + node.length;
      // Matches come longest first, so one that is overlapped is overlapped at one of its ends.
      if (taken[start]) continue;
      if (taken[end - 1]) {
        offer(node.shorter, start);
        continue;
      }
      if (stripBefore.has(node.id))
        while (start > 0 && !taken[start - 1] && isAsciiSpace(text.charCodeAt(start - 1))) start--;
      if (stripAfter.has(node.id))
        while (end < text.length && !taken[end] && isAsciiSpace(text.charCodeAt(end))) end++;
      taken.fill(1, start, end);
      kept.push({ id: node.id, start, end });
    }
  }
  return kept.sort((a, b) => a.start - b.start);
}

function isAsciiSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}
