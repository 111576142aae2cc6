/**
 * A template's source, made ready for @huggingface/jinja's lexer: white space control, raw blocks, string escapes and the
 * `generation` tag are dealt with here, as Jinja does with trim_blocks and lstrip_blocks. The library does this by regular
 * expressions over the whole source, which also change strings inside of tags, and lacks `raw`, `{%+` and unknown escapes.
 */
import { TemplateFailure } from "./values.ts";

type Kind = "statement" | "expression" | "comment";

interface Tag {
  kind: Kind;
  body: string;
  /** `-` strips, `+` keeps; empty = the rules of trim_blocks and lstrip_blocks. */
  before: string;
  after: string;
  /** Where the text behind it starts. */
  end: number;
}

const kinds: Readonly<Record<string, Kind>> = { "%": "statement", "{": "expression", "#": "comment" };
const closings: Readonly<Record<Kind, string>> = { statement: "%}", expression: "}}", comment: "#}" };

const syntaxError = (message: string): TemplateFailure => new TemplateFailure("TemplateSyntaxError", message);

/** The same template in the library's terms: nothing left to strip, every string plainly escaped. */
export function prepareSource(given: string): string {
  const source = given.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  let prepared = "";
  let text = "";
  /** The text so far begins a line: nothing but a newline before it. */
  let lineStarts = true;
  let stripNext = false;
  let raw = false;

  const endText = (tag: Tag | null): void => {
    if (stripNext) text = text.trimStart();
    if (tag?.before === "-") text = text.trimEnd();
    else if (tag && tag.before === "" && tag.kind !== "expression") {
      const line = text.lastIndexOf("\n") + 1;
      if ((line > 0 || lineStarts) && text.slice(line).trim() === "") text = text.slice(0, line);
    }
    prepared += raw ? `{{ ${JSON.stringify(text)} }}` : text;
    text = "";
  };

  for (let at = 0; at < source.length; ) {
    const tag: Tag | null = raw ? rawEnd(source, at) : tagAt(source, at);
    if (!tag) {
      text += source[at++];
      continue;
    }
    endText(tag);
    stripNext = tag.after === "-";
    at = tag.end;
    const name: string = tag.kind === "statement" ? tag.body.trim() : "";
    const trims = tag.kind !== "expression" && name !== "raw" && tag.after === "" && source[at] === "\n";
    if (trims) at++;
    lineStarts = trims;
    if (name === "raw" || name === "endraw") raw = name === "raw";
    else if (tag.kind === "expression") prepared += `{{ ${tag.body} }}`;
    else if (tag.kind === "statement" && !/^(?:end)?generation$/.test(name)) prepared += `{% ${tag.body} %}`;
  }
  if (raw) throw syntaxError("Missing end of raw directive");
  endText(null);
  // the library takes one newline from the end, which is gone already
  return prepared.endsWith("\n") ? `${prepared}{##}` : prepared;
}

function rawEnd(source: string, at: number): Tag | null {
  const end = /^\{%([-+]?)\s*endraw\s*([-+]?)%\}/.exec(source.slice(at, at + 40));
  if (!end) return null;
  return { kind: "statement", body: "endraw", before: end[1]!, after: end[2]!, end: at + end[0].length };
}

/** The tag that begins at `at`, with its strings rewritten. */
function tagAt(source: string, at: number): Tag | null {
  const kind = source[at] === "{" ? kinds[source[at + 1] ?? ""] : undefined;
  if (!kind) return null;
  const closing = closings[kind];
  let i = at + 2;
  const before = source[i] === "-" || source[i] === "+" ? source[i++]! : "";
  let body = "";
  let depth = 0;
  for (;;) {
    if (i >= source.length) throw syntaxError(`A ${kind} that begins at ${at} has no ${closing}`);
    const char = source[i]!;
    const sign = (char === "-" || char === "+") && source.startsWith(closing, i + 1) ? char : "";
    // a `}}` closes an inner dict first
    if (depth === 0 && source.startsWith(closing, i + sign.length)) {
      return { kind, body, before, after: sign, end: i + sign.length + 2 };
    }
    if (kind !== "comment" && (char === "'" || char === '"')) {
      const end = stringEnd(source, i);
      body += JSON.stringify(pythonString(source.slice(i + 1, end))).replace(/\\u([0-9a-f]{4})/g, (_, hex) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
      i = end + 1;
      continue;
    }
    if (kind !== "comment") {
      if (char === "{") depth++;
      else if (char === "}") depth--;
      body += char;
    }
    i++;
  }
}

function stringEnd(source: string, start: number): number {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === source[start]) return i;
  }
  throw syntaxError(`A string that begins at ${start} has no end`);
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

/** Python's escapes; one that it does not know stays as it is. */
function pythonString(string: string): string {
  return string.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
    (found, x?: string, u?: string, long?: string, octal?: string, char?: string) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return shortEscapes[char!] ?? found;
    },
  );
}
