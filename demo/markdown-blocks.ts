/**
 * Markdown text to marked's tokens, for text that nobody has checked and that grows: nesting is bounded, and of a growing
 * text only the last block is parsed again.
 */
import { Lexer, type Token, type Tokens, type TokensList } from "marked";
import { healTail } from "./markdown-tail.ts";

/**
 * Blocks, and inline marks, inside of each other deeper than this stay text. Nobody can read 16 levels of indentation,
 * and marked recurses: without a bound 5,000 times ">" end in a stack overflow.
 */
export const MAX_NESTING = 16;

class BoundedLexer extends Lexer {
  #blocks = 0;
  #inlines = 0;

  override blockTokens(text: string, tokens?: Token[], clipped?: boolean): Token[];
  override blockTokens(text: string, tokens?: TokensList, clipped?: boolean): TokensList;
  override blockTokens(text: string, tokens: Token[] = [], clipped?: boolean): Token[] {
    if (this.#blocks > MAX_NESTING) return plainly(text, tokens);
    this.#blocks++;
    try {
      return super.blockTokens(text, tokens, clipped);
    } finally {
      this.#blocks--;
    }
  }

  override inlineTokens(text: string, tokens: Token[] = []): Token[] {
    if (this.#inlines > MAX_NESTING) return plainly(text, tokens);
    this.#inlines++;
    try {
      return super.inlineTokens(text, tokens);
    } finally {
      this.#inlines--;
    }
  }
}

function plainly(text: string, tokens: Token[]): Token[] {
  if (text !== "") tokens.push({ type: "text", raw: text, text, escaped: false } satisfies Tokens.Text);
  return tokens;
}

/** The blocks of a whole text, those that show nothing (blank lines, link definitions) included. */
export function markdownBlocks(text: string): Token[] {
  return [...new BoundedLexer().lex(text)];
}

/** What a longer text changes: the blocks before `kept` are as they were, `tokens` come after them. */
export interface Growth {
  kept: number;
  tokens: Token[];
}

/** Reads a text that grows at its end. In Markdown that changes its last block alone, so those before are settled. */
export class GrowingMarkdown {
  /** The text of the settled blocks. */
  #settled = "";
  /** How many of them show. */
  #count = 0;
  #links: Record<string, Pick<Tokens.Link, "href" | "title">> = {};

  /**
   * The blocks that show, of `text` and no more to come (`final`), or of as much of it as has come. The whole text is
   * read again at its end, once: a link may be defined below its use.
   */
  read(text: string, final: boolean): Growth {
    const plain = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
    if (final || !plain.startsWith(this.#settled)) this.#restart();
    if (final) return { kept: 0, tokens: markdownBlocks(plain).filter(shows) };
    const kept = this.#count;
    const tail = plain.slice(this.#settled.length);
    const lexer = new BoundedLexer();
    Object.assign(lexer.tokens.links, this.#links);
    const tokens: Token[] = [...lexer.lex(healTail(tail))];
    this.#settle(tokens, tail);
    return { kept, tokens: tokens.filter(shows) };
  }

  #restart(): void {
    this.#settled = "";
    this.#count = 0;
    this.#links = {};
  }

  #settle(tokens: readonly Token[], tail: string): void {
    const before = tokens.slice(0, tokens.findLastIndex(shows));
    const raw = before.map(token => token.raw).join("");
    // marked rewrites a few texts (tabs before a list): what cannot be cut out exactly is read again
    if (raw === "" || !tail.startsWith(raw)) return;
    this.#settled += raw;
    for (const token of before) {
      if (shows(token)) this.#count++;
      else if (token.type === "def") this.#links[token.tag] ??= { href: token.href, title: token.title };
    }
  }
}

function shows({ type }: Token): boolean {
  return type !== "space" && type !== "def";
}
