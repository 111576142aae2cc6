/** Filters that make text of what they are given. */
import type { Native } from "./arguments.ts";
import { spend, spendText, TemplateFailure, typeError, valueError } from "./failure.ts";
import { percentFormat } from "./format.ts";
import { capitalize, needText, padded, replaceText, splitLines, strip, whiteSpace } from "./strings.ts";
import {
  codePoints,
  Dict,
  index,
  isNumber,
  isText,
  items,
  Markup,
  numberOf,
  plain,
  Tuple,
  textLength,
  truth,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";
import { escapeText, joined, json, repr, text } from "./write.ts";

type Filter = Native<Value>;

/** What was `safe` stays so. */
const like = (value: Value, written: string): Value =>
  value instanceof Markup ? new Markup(written) : written;
const escapeFilter: Filter = ["", value => new Markup(escapeText(value))];

function indent(value: Value, width: Value, first: Value, blank: Value): Value {
  if (!isText(value)) throw typeError(`unsupported operand type(s) for +=: '${typeName(value)}' and 'str'`);
  const space = isText(width) ? plain(width) : " ".repeat(spaces(width));
  const lines = splitLines(`${text(value)}\n`);
  const indented = lines.map((line, i) => (i === 0 || (line === "" && !truth(blank)) ? line : space + line));
  // Jinja leaves a blank first line alone too
  if (truth(first)) indented[0] = space + indented[0];
  return like(value, joined(indented, "\n"));
}

function spaces(width: Value): number {
  const count = Math.max(0, index(width));
  spendText(count);
  return count;
}

function truncate(value: Value, length: Value, killWords: Value, end: Value, leeway: Value): Value {
  const points = codePoints(text(value));
  const more = codePoints(text(end)).length;
  const size = index(length);
  if (size < more || index(leeway) < 0)
    throw new TemplateFailure("AssertionError", `expected length >= ${more}, got ${size}`);
  if (points.length <= size + index(leeway)) return value instanceof Markup ? value : text(value);
  const cut = points.slice(0, size - more).join("");
  const space = truth(killWords) ? -1 : cut.lastIndexOf(" ");
  return (space < 0 ? cut : cut.slice(0, space)) + text(end);
}

function wrapLine(line: string, width: number, breakLong: boolean, breakHyphens: boolean): string[] {
  const chunk = breakHyphens
    ? new RegExp(`[${whiteSpace}]+|[^${whiteSpace}]+?[\\p{L}\\d_]-(?=\\p{L}\\p{L})|[^${whiteSpace}]+`, "gu")
    : new RegExp(`[${whiteSpace}]+|[^${whiteSpace}]+`, "gu");
  const chunks = (line.match(chunk) ?? []).reverse();
  const lines: string[] = [];
  const blank = (given: string): boolean => strip(given, null, "both") === "";
  while (chunks.length > 0) {
    spend(8);
    let now: string[] = [];
    let room = width;
    if (lines.length > 0 && blank(chunks.at(-1)!)) chunks.pop();
    while (chunks.length > 0 && textLength(chunks.at(-1)!) <= room) {
      const next = chunks.pop()!;
      room -= textLength(next);
      now.push(next);
    }
    const last = chunks.at(-1);
    if (last !== undefined && textLength(last) > width) {
      if (breakLong) {
        const points = codePoints(chunks.pop()!);
        const fits = Math.max(1, room);
        now.push(points.slice(0, fits).join(""));
        chunks.push(points.slice(fits).join(""));
      } else if (now.length === 0) now.push(chunks.pop()!);
    }
    if (now.length > 0 && blank(now.at(-1)!)) now = now.slice(0, -1);
    if (now.length > 0) lines.push(now.join(""));
  }
  return lines;
}

function fileSize(value: Value, binary: boolean): string {
  const bytes = isNumber(value) ? numberOf(value) : Number(text(value) || Number.NaN);
  if (Number.isNaN(bytes)) throw valueError(`could not convert string to float: ${repr(value)}`);
  const base = binary ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const power = Math.min(8, Math.floor(Math.log(bytes) / Math.log(base) + 1e-12));
  return `${(bytes / base ** power).toFixed(1)} ${"kMGTPEZY"[power - 1]!.toUpperCase().replace("K", binary ? "K" : "k")}${binary ? "iB" : "B"}`;
}

const quoted = (value: Value): string => {
  if (/\p{Cs}/u.test(text(value))) throw new TemplateFailure("UnicodeEncodeError", "surrogates not allowed");
  return encodeURIComponent(text(value)).replace(
    /[!*'()]/g,
    c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
};

/** Without what stands between these, and without them. */
function without(string: string, open: string, close: string): string {
  let kept = "";
  let at = 0;
  for (;;) {
    const start = string.indexOf(open, at);
    const end = start < 0 ? -1 : string.indexOf(close, start);
    if (end < 0) return kept + string.slice(at);
    kept += string.slice(at, start);
    at = end + close.length;
  }
}

const withoutEntities = (string: string): string =>
  string.replace(
    /&(?:(amp|lt|gt|quot|apos|nbsp)|#(\d+)|#x([\da-f]+));/gi,
    (_, name?: string, ten?: string, hex?: string) =>
      name
        ? { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\xa0" }[name.toLowerCase()]!
        : String.fromCodePoint(Math.min(0x10ffff, ten ? Number(ten) : Number.parseInt(hex!, 16))),
  );

/** `pprint.pformat`: on one line where that has 80 characters. */
function pretty(value: Value, column = 0): string {
  spend(4);
  const flat = repr(value, true);
  const list = Array.isArray(value);
  if (column + flat.length <= 80 || !(list || value instanceof Dict)) return flat;
  const parts = list
    ? Array.from(value, item => pretty(item, column + 1))
    : value
        .entries()
        .map(([key, item]): [string, Value] => [repr(key), item])
        .sort()
        .map(([key, item]) => `${key}: ${pretty(item, column + key.length + 3)}`);
  const [open, close] = list ? (value instanceof Tuple ? "()" : "[]") : "{}";
  return open + joined(parts, `,\n${" ".repeat(column + 1)}`) + close;
}

const onText = (run: (string: string) => string): Filter => ["", value => like(value, run(text(value)))];

export const textFilters: Record<string, Filter> = {
  capitalize: onText(capitalize),
  center: ["width?", (value, width = 80) => like(value, padded(text(value), width, " ", "^"))],
  escape: escapeFilter,
  e: escapeFilter,
  forceescape: ["", value => new Markup(escapeText(text(value)))],
  filesizeformat: ["binary?", (value, binary = false) => fileSize(value, truth(binary))],
  format: [
    "*",
    (value, args, named) => {
      if ((named as Dict).size === 0) return like(value, percentFormat(text(value), args));
      if ((args as Value[]).length === 0) return like(value, percentFormat(text(value), named));
      throw new TemplateFailure(
        "FilterArgumentError",
        "can't handle positional and keyword arguments at the same time",
      );
    },
  ],
  indent: [
    "width? first? blank?",
    (value, width = 4, first = false, blank = false) => indent(value, width, first, blank),
  ],
  lower: onText(string => string.toLowerCase()),
  upper: onText(string => string.toUpperCase()),
  pprint: ["", value => pretty(value)],
  replace: [
    "old new count?",
    (value, from, to, count = null) =>
      like(value, replaceText(text(value), text(from), text(to), count === null ? -1 : index(count))),
  ],
  safe: ["", value => new Markup(text(value))],
  string: ["", value => like(value, text(value))],
  striptags: [
    "",
    value => {
      const bare = without(without(text(value), "<!--", "-->"), "<", ">");
      return withoutEntities(joined(bare.match(new RegExp(`[^${whiteSpace}]+`, "g")) ?? [], " "));
    },
  ],
  title: onText(string => joined(string.split(new RegExp(`([-${whiteSpace}({\\[<]+)`)).map(capitalize))),
  tojson: [
    "ensure_ascii? indent? separators? sort_keys?",
    (value, ascii = false, indent = null, separators = null, sortKeys = false) => {
      const pair =
        separators === null ? [indent === null ? ", " : ",", ": "] : items(separators).map(needText);
      return json(value, {
        indent: indent === null ? null : isText(indent) ? plain(indent) : " ".repeat(spaces(indent)),
        ensureAscii: truth(ascii),
        sortKeys: truth(sortKeys),
        separators: pair as [string, string],
      });
    },
  ],
  trim: ["chars?", (value, chars = null) => like(value, strip(text(value), chars, "both"))],
  truncate: [
    "length? killwords? end? leeway?",
    (value, length = 255, kill = false, end = "...", leeway = 5) =>
      truncate(value, length, kill, end, leeway ?? 5),
  ],
  urlencode: [
    "",
    value => {
      if (isText(value) || !(value instanceof Dict || Array.isArray(value)))
        return quoted(value).replaceAll("%2F", "/");
      const pairs = value instanceof Dict ? value.entries() : Array.from(value, pair => items(pair));
      if (pairs.some(pair => pair.length !== 2)) throw valueError("pairs of key and value are needed");
      return joined(
        pairs.map(([key, item]) => `${quoted(key!)}=${quoted(item!)}`.replaceAll("%20", "+")),
        "&",
      );
    },
  ],
  wordcount: ["", value => text(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0],
  wordwrap: [
    "width? break_long_words? wrapstring? break_on_hyphens?",
    (value, width = 79, long = true, glue = null, hyphens = true) => {
      if (index(width) <= 0) throw valueError(`invalid width ${repr(width)} (must be > 0)`);
      const lines = splitLines(text(value));
      const by = glue === null ? "\n" : text(glue);
      return joined(
        lines.map(line => joined(wrapLine(line, index(width), truth(long), truth(hyphens)), by)),
        by,
      );
    },
  ],
  xmlattr: [
    "autospace?",
    (value, autospace = true) => {
      if (!(value instanceof Dict))
        throw new TemplateFailure("AttributeError", "the object has no attribute 'items'");
      const parts = value.entries().flatMap(([key, item]) => {
        if (item === null || item instanceof Undefined) return [];
        if (/[\s/>=]/.test(text(key))) throw valueError(`Invalid character in attribute name: ${repr(key)}`);
        return [`${escapeText(key)}="${escapeText(item)}"`];
      });
      const written = joined(parts, " ");
      return written !== "" && truth(autospace) ? ` ${written}` : written;
    },
  ],
};
