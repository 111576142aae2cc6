/** Arguments that are no JSON: those of Python calls, and Gemma's. They come out as JSON text. */
import type { ParsedCall } from "./format.ts";

const NUMBER = /[+-]?(?:\d[\d_]*)?\.?\d*(?:[eE][+-]?\d+)?/y;
const NAME = /[A-Za-z_][\w.-]*/y;
const WORDS: Readonly<Record<string, string>> = {
  True: "true",
  true: "true",
  False: "false",
  false: "false",
  None: "null",
  null: "null",
};
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\n": "" };
/** As deep as JSON Schemas of tools ever are; what nests deeper is no call. */
const MAX_DEPTH = 100;

class Unreadable extends Error {}

/** `[f(a=1, b="x"), g()]`, with or without the brackets. */
export function pythonCalls(text: string): ParsedCall[] | null {
  return reading(new Reader(text, ['"', "'"], true), reader => {
    const listed = reader.take("[");
    const calls: ParsedCall[] = [];
    do {
      if (listed && calls.length > 0 && reader.next === "]") break;
      const name = reader.name();
      reader.expect("(");
      calls.push({ name, arguments: reader.fields(")", "=") });
    } while (reader.take(","));
    if (listed) reader.expect("]");
    return calls;
  });
}

/** `call:f{a:1,b:"x"}`, where `quote` stands for the quotation marks. */
export function gemmaCall(text: string, quote: string): ParsedCall[] | null {
  return reading(new Reader(text, [quote], false), reader => {
    reader.expect("call:");
    const name = reader.name();
    reader.expect("{");
    return [{ name, arguments: reader.fields("}", ":") }];
  });
}

function reading(reader: Reader, read: (reader: Reader) => ParsedCall[]): ParsedCall[] | null {
  try {
    const calls = read(reader);
    return reader.next === "" ? calls : null;
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

class Reader {
  readonly #text: string;
  readonly #quotes: readonly string[];
  readonly #escapes: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, quotes: readonly string[], escapes: boolean) {
    this.#text = text;
    this.#quotes = quotes;
    this.#escapes = escapes;
  }

  /** The next letter that is no white space; empty at the end. */
  get next(): string {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
    return this.#text[this.#at] ?? "";
  }

  take(what: string): boolean {
    void this.next;
    const there = this.#text.startsWith(what, this.#at);
    if (there) this.#at += what.length;
    return there;
  }

  expect(what: string): void {
    if (!this.take(what)) throw new Unreadable();
  }

  name(): string {
    const name = this.#match(NAME);
    if (name === "") throw new Unreadable();
    return name;
  }

  /** Fields up to `close`, as a JSON object. */
  fields(close: string, between: string): string {
    const fields = this.#list(close, () => {
      const key = this.#quoted() ?? this.name();
      this.expect(between);
      return `${JSON.stringify(key)}:${this.#value()}`;
    });
    return `{${fields.join(",")}}`;
  }

  #value(): string {
    const text = this.#quoted();
    if (text !== null) return JSON.stringify(text);
    if (this.take("{")) return this.fields("}", ":");
    if (this.take("[")) return `[${this.#list("]", () => this.#value()).join(",")}]`;
    const number = this.#match(NUMBER).replaceAll("_", "");
    if (/\d/.test(number))
      return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(number) ? number : `${Number(number)}`;
    const word = WORDS[this.name()];
    if (word === undefined) throw new Unreadable();
    return word;
  }

  #list(close: string, item: () => string): string[] {
    if (++this.#depth > MAX_DEPTH) throw new Unreadable();
    const items: string[] = [];
    while (!this.take(close)) {
      if (items.length > 0) {
        this.expect(",");
        if (this.take(close)) break;
      }
      items.push(item());
    }
    this.#depth--;
    return items;
  }

  #quoted(): string | null {
    const quote = this.#quotes.find(mark => this.take(mark));
    if (quote === undefined) return null;
    let text = "";
    for (; !this.#text.startsWith(quote, this.#at); this.#at++) {
      const letter = this.#text[this.#at];
      if (letter === undefined) throw new Unreadable();
      text += letter === "\\" && this.#escapes ? this.#escape() : letter;
    }
    this.#at += quote.length;
    return text;
  }

  /** Leaves the place at the escape's last letter. */
  #escape(): string {
    const letter = this.#text[++this.#at] ?? "";
    const digits = letter === "x" ? 2 : letter === "u" ? 4 : 0;
    const code = this.#text.slice(this.#at + 1, this.#at + 1 + digits);
    if (digits > 0 && /^[\da-fA-F]+$/.test(code) && code.length === digits) {
      this.#at += digits;
      return String.fromCharCode(Number.parseInt(code, 16));
    }
    return ESCAPES[letter] ?? (/[\\'"]/.test(letter) ? letter : `\\${letter}`);
  }

  #match(what: RegExp): string {
    void this.next;
    what.lastIndex = this.#at;
    const found = what.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
}
