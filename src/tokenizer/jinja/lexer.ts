/**
 * Source to tokens, with Jinja's white space control: `-` strips, `+` keeps, otherwise trim_blocks takes the newline
 * after a block and lstrip_blocks the white space before it on its line.
 */
import { spend, TemplateFailure } from "./failure.ts";
import { whiteSpace } from "./strings.ts";
import { makeFloat, makeInt, type Value } from "./values.ts";

/** `value` is the operator itself, or the name, or what the literal stands for. */
export interface Token {
  readonly type: "data" | "begin" | "end" | "name" | "string" | "integer" | "float" | "operator" | "eof";
  readonly value: Value;
  /** Where in the source; for messages. */
  readonly at: number;
}

const opening = /\{([%{#])([-+]?)/g;
const rawBegin = new RegExp(`\\{%[-+]?[${whiteSpace}]*raw[${whiteSpace}]*(-?)%\\}`, "y");
const rawEnd = new RegExp(`\\{%([-+]?)[${whiteSpace}]*endraw[${whiteSpace}]*([-+]?)%\\}`, "g");
const commentEnd = /([-+]?)#\}/g;
const blankRun = new RegExp(`[${whiteSpace}]*`, "y");
const trailing = new RegExp(`[${whiteSpace}]`);
const name = /[\p{L}\p{M}\p{N}\p{Pc}]+/uy;
const identifier = /^[\p{XID_Start}_][\p{XID_Continue}]*$/u;
const float = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const integer = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const string = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y;
const operator = /\*\*|\/\/|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,;]/y;
const closing: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

/** @throws TemplateFailure TemplateSyntaxError */
export function tokenize(given: string): Token[] {
  const source = given.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  let at = 0;
  /** Text so far begins a line: lstrip_blocks may strip it. */
  let lineStarts = true;

  const fail = (message: string, where = at): TemplateFailure => syntaxError(message, source, where);
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (!found) return null;
    at += found[0].length;
    return found[0];
  };
  const push = (type: Token["type"], value: Value, where: number): void => {
    spend(4);
    tokens.push({ type, value, at: where });
  };

  const data = (text: string, sign: string, block: boolean, where: number): void => {
    let kept = text;
    if (sign === "-") kept = text.slice(0, rightEnd(text, 0));
    else if (sign === "" && block) {
      const line = text.lastIndexOf("\n") + 1;
      if ((line > 0 || lineStarts) && rightEnd(text, line) === line) kept = text.slice(0, line);
    }
    if (kept !== "") push("data", kept, where);
  };
  /** After a tag: `-` takes all white space, trim_blocks one newline. */
  const afterTag = (sign: string, block: boolean): void => {
    if (sign === "-") take(blankRun);
    else if (sign === "" && block && source[at] === "\n") at++;
    lineStarts = source[at - 1] === "\n";
  };

  while (at < source.length) {
    const start = at;
    opening.lastIndex = at;
    const tag = opening.exec(source);
    if (!tag) {
      push("data", source.slice(at), at);
      break;
    }
    const [, kind, sign] = tag as unknown as [string, string, string];
    data(source.slice(start, tag.index), sign, kind !== "{", start);
    at = tag.index;
    const raw = kind === "%" ? take(rawBegin) : null;
    if (raw !== null) {
      if (raw.endsWith("-%}")) take(blankRun);
      lineStarts = source[at - 1] === "\n";
      rawEnd.lastIndex = at;
      const end = rawEnd.exec(source);
      if (!end) throw fail("Missing end of raw directive");
      data(source.slice(at, end.index), end[1]!, true, at);
      at = end.index + end[0].length;
      afterTag(end[2]!, true);
      continue;
    }
    at += tag[0].length;
    if (kind === "#") {
      commentEnd.lastIndex = at;
      const end = commentEnd.exec(source);
      if (!end) throw fail("Missing end of comment tag");
      at = end.index + end[0].length;
      afterTag(end[1]!, true);
      continue;
    }
    push("begin", `{${kind}`, tag.index);
    inside(kind === "%");
  }
  push("eof", "", source.length);
  return tokens;

  /** From behind `{%` or `{{` to its end. */
  function inside(block: boolean): void {
    const ends = block ? /([-+]?)%\}/y : /(-?)\}\}/y;
    const open: string[] = [];
    for (;;) {
      if (at >= source.length) return;
      if (open.length === 0) {
        ends.lastIndex = at;
        const end = ends.exec(source);
        if (end) {
          push("end", block ? "%}" : "}}", at);
          at += end[0].length;
          afterTag(end[1]!, block);
          return;
        }
      }
      if (take(blankRun)) continue;
      const where = at;
      let found = source[at - 1] === "." ? null : take(float);
      if (found !== null) {
        push("float", makeFloat(Number(found.replaceAll("_", ""))), where);
      } else if ((found = take(integer)) !== null) {
        // Python's own limit, since reading more takes long
        if (found.length > 4300) throw fail("a whole number has more than 4300 digits", where);
        push("integer", makeInt(BigInt(found.replaceAll("_", "").replace(/^0+(?=\d)/, ""))), where);
      } else if ((found = take(name)) !== null) {
        if (!identifier.test(found)) throw fail("Invalid character in identifier", where);
        push("name", found.normalize("NFKC"), where);
      } else if ((found = take(string)) !== null) {
        const value = decoded(found.slice(1, -1));
        if (value === null) throw fail("a string has an escape that is cut off", where);
        push("string", value, where);
      } else if ((found = take(operator)) !== null) {
        if (found in closing) {
          const expected = open.pop();
          if (expected !== closing[found]) throw fail(`unexpected '${found}'`, where);
        } else if ("([{".includes(found)) open.push(found);
        push("operator", found, where);
      } else throw fail(`unexpected char ${JSON.stringify(source[at])}`);
    }
  }
}

/** Where the text ends without the white space at its end. */
function rightEnd(text: string, from: number): number {
  let end = text.length;
  while (end > from && trailing.test(text[end - 1]!)) end--;
  return end;
}

export function lineOf(source: string, at: number): number {
  spend(at / 16);
  return source.slice(0, at).split("\n").length;
}

export function syntaxError(
  message: string,
  source: string,
  at: number,
  name = "TemplateSyntaxError",
): TemplateFailure {
  return new TemplateFailure(name, `${message} (line ${lineOf(source, at)})`);
}

const shortEscapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  v: "\v",
  a: "\x07",
  "'": "'",
  '"': '"',
  "\\": "\\",
  "\n": "",
};

/** Python's escapes; one that it does not know stays as it is. `null` where one is cut off. */
function decoded(literal: string): string | null {
  let sound = true;
  const text = literal.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
    (found, x?: string, u?: string, long?: string, octal?: string, char?: string) => {
      const hex = x ?? u ?? long;
      const code = hex === undefined ? Number.parseInt(octal ?? "", 8) : Number.parseInt(hex, 16);
      if (code > 0x10ffff || (char !== undefined && "xuUN".includes(char))) sound = false;
      else if (!Number.isNaN(code)) return String.fromCodePoint(code);
      return shortEscapes[char!] ?? found;
    },
  );
  return sound ? text : null;
}
