/** Finds special tokens in text, before anything else looks at it. */
import { TokenType, type Vocabulary } from "./vocabulary.ts";

interface Node {
  next: Map<number, Node>;
  id: number;
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
  const root: Node = { next: new Map(), id: -1 };
  for (let id = 0; id < tokens.length; id++) {
    const type = types[id];
    const wanted =
      type === TokenType.userDefined ||
      (parseSpecial && (type === TokenType.control || type === TokenType.unknown));
    if (wanted && tokens[id] !== "") insert(root, tokens[id]!, id);
  }

  return {
    split(text) {
      const pieces: (string | number)[] = [];
      let from = 0;
      for (const { id, start, end } of select(findAll(root, text), text, vocabulary)) {
        if (start > from) pieces.push(text.slice(from, start));
        pieces.push(id);
        from = end;
      }
      if (from < text.length) pieces.push(text.slice(from));
      return pieces;
    },
  };
}

function insert(root: Node, text: string, id: number): void {
  let node = root;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    let next = node.next.get(code);
    if (!next) node.next.set(code, (next = { next: new Map(), id: -1 }));
    node = next;
  }
  node.id = id;
}

function findAll(root: Node, text: string): Match[] {
  const matches: Match[] = [];
  for (let start = 0; start < text.length; start++) {
    let node = root.next.get(text.charCodeAt(start));
    for (let end = start + 1; node; end++) {
      if (node.id >= 0) matches.push({ id: node.id, start, end });
      node = end < text.length ? node.next.get(text.charCodeAt(end)) : undefined;
    }
  }
  return matches;
}

/** Keeps the matches that win, in order of place; stretches a token that strips over the white space beside it. */
function select(matches: Match[], text: string, { tokens, stripBefore, stripAfter }: Vocabulary): Match[] {
  if (matches.length === 0) return matches;
  const utf8 = new TextEncoder();
  const size = new Map<number, number>();
  for (const { id } of matches) if (!size.has(id)) size.set(id, utf8.encode(tokens[id]!).length);
  matches.sort((a, b) => size.get(b.id)! - size.get(a.id)! || a.id - b.id || a.start - b.start);
  const taken = new Uint8Array(text.length);
  const kept: Match[] = [];
  for (const match of matches) {
    const { id } = match;
    let { start, end } = match;
    // Matches come longest first, so one that is overlapped is overlapped at one of its ends.
    if (taken[start] || taken[end - 1]) continue;
    if (stripBefore.has(id))
      while (start > 0 && !taken[start - 1] && isAsciiSpace(text.charCodeAt(start - 1))) start--;
    if (stripAfter.has(id))
      while (end < text.length && !taken[end] && isAsciiSpace(text.charCodeAt(end))) end++;
    taken.fill(1, start, end);
    kept.push({ id, start, end });
  }
  return kept.sort((a, b) => a.start - b.start);
}

function isAsciiSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}
