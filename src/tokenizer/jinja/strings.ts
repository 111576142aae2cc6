/** What Python's strings can do. */
import type { Native } from "./arguments.ts";
import { spend, spendText, typeError, valueError } from "./failure.ts";
import { char, pad } from "./format.ts";
import {
  codePoints,
  Dict,
  index,
  isText,
  items,
  plain,
  Tuple,
  textLength,
  truth,
  tuple,
  typeName,
  type Value,
} from "./values.ts";
import { joined } from "./write.ts";

/** Python's white space, in a class of a regular expression. */
export const whiteSpace = String.raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;
const lineEnds = String.raw`\r\n\v\f\x1c-\x1e\x85\u2028\u2029`;
const lineEnd = new RegExp(`\\r\\n|[${lineEnds}]`, "g");
const word = new RegExp(`[^${whiteSpace}]+`, "g");
const oneSpace = new RegExp(`[${whiteSpace}]`);

/** `strip` and its kin: of white space, or of any of `chars`. */
export function strip(string: string, chars: Value, ends: "left" | "right" | "both"): string {
  spendText(string.length);
  const points = chars === null ? null : new Set(codePoints(needText(chars)));
  const isOne = (char: string): boolean => (points ? points.has(char) : oneSpace.test(char));
  let start = 0;
  let end = string.length;
  if (ends !== "right") {
    while (start < end) {
      const char = String.fromCodePoint(string.codePointAt(start)!);
      if (!isOne(char)) break;
      start += char.length;
    }
  }
  if (ends !== "left") {
    while (end > start) {
      const low =
        /[\udc00-\udfff]/.test(string[end - 1]!) &&
        end - 2 >= start &&
        /[\ud800-\udbff]/.test(string[end - 2]!);
      const char = string.slice(low ? end - 2 : end - 1, end);
      if (!isOne(char)) break;
      end -= char.length;
    }
  }
  return string.slice(start, end);
}

export function needText(value: Value): string {
  if (isText(value)) return plain(value);
  throw typeError(`must be str, not ${typeName(value)}`);
}

function words(string: string, limit: number, fromRight: boolean): string[] {
  const found = [...string.matchAll(word)];
  if (limit < 0 || found.length <= limit) return found.map(match => match[0]);
  if (!fromRight) {
    const rest = string.slice(found[limit]!.index);
    return [...found.slice(0, limit).map(match => match[0]), limit === 0 ? strip(rest, null, "left") : rest];
  }
  const at = found.length - limit;
  const last = found[at - 1]!;
  return [string.slice(0, last.index + last[0].length), ...found.slice(at).map(match => match[0])];
}

function split(string: string, separator: Value, maxsplit: Value, fromRight: boolean): Value {
  spend(string.length / 4);
  const limit = index(maxsplit);
  if (separator === null) return words(fromRight ? string : strip(string, null, "left"), limit, fromRight);
  const by = needText(separator);
  if (by === "") throw valueError("empty separator");
  const parts = string.split(by);
  if (limit < 0 || parts.length - 1 <= limit) return parts;
  const at = fromRight ? parts.length - limit : limit;
  return fromRight
    ? [joined(parts.slice(0, at), by), ...parts.slice(at)]
    : [...parts.slice(0, at), joined(parts.slice(at), by)];
}

export function splitLines(string: string, keepEnds = false): string[] {
  spend(string.length / 4);
  const lines: string[] = [];
  let start = 0;
  for (const { index: at, 0: end } of string.matchAll(lineEnd)) {
    lines.push(string.slice(start, keepEnds ? at + end.length : at));
    start = at + end.length;
  }
  if (start < string.length) lines.push(string.slice(start));
  return lines;
}

export function replaceText(string: string, from: string, to: string, count: number): string {
  spend(string.length / 4);
  // an empty text is before every character and at the end
  const parts = from === "" ? ["", ...codePoints(string), ""] : string.split(from);
  const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  return joined([joined(parts.slice(0, times + 1), to), ...parts.slice(times + 1)], from);
}

export const capitalize = (string: string): string => {
  const [first = ""] = string;
  return first.toUpperCase() + string.slice(first.length).toLowerCase();
};
const title = (string: string): string => string.replace(/\p{L}+/gu, capitalize);
const isTitle = (string: string): boolean => hasCase(string) && string === title(string);
const hasCase = (string: string): boolean => string.toLowerCase() !== string.toUpperCase();

/** `string[start:end]`, and where in the text it begins. */
function part(string: string, start: Value, end: Value): [string, number] | null {
  spendText(string.length);
  if (start === null && end === null) return [string, 0];
  const points = codePoints(string);
  const clamp = (value: Value, otherwise: number): number => {
    const at = value === null ? otherwise : index(value);
    return Math.max(0, at < 0 ? at + points.length : at);
  };
  const from = clamp(start, 0);
  if (from > points.length) return null;
  return [points.slice(from, clamp(end, points.length)).join(""), from];
}

/** Where `sub` is, in code points; -1 = nowhere. */
function find(string: string, sub: Value, start: Value, end: Value, last: boolean): number {
  const within = part(string, start, end);
  const wanted = needText(sub);
  if (!within) return -1;
  const at = last ? within[0].lastIndexOf(wanted) : within[0].indexOf(wanted);
  return at < 0 ? at : textLength(within[0].slice(0, at)) + within[1];
}

function found(at: number): number {
  if (at >= 0) return at;
  throw valueError("substring not found");
}

/** Whether `string` starts or ends with a string or one of a tuple. */
function affix(
  string: string,
  given: Value,
  start: Value,
  end: Value,
  which: "startsWith" | "endsWith",
): boolean {
  const within = part(string, start, end);
  const all = given instanceof Tuple ? given : [given];
  return all.some(one => {
    if (!isText(one)) throw typeError(`first arg must be str or a tuple of str, not ${typeName(one)}`);
    return within?.[0][which](plain(one)) ?? false;
  });
}

function partition(string: string, separator: Value, last: boolean): Tuple {
  spendText(string.length);
  const by = needText(separator);
  if (by === "") throw valueError("empty separator");
  const at = last ? string.lastIndexOf(by) : string.indexOf(by);
  if (at < 0) return last ? tuple("", "", string) : tuple(string, "", "");
  return tuple(string.slice(0, at), by, string.slice(at + by.length));
}

export function padded(string: string, width: Value, fill: Value, side: string): string {
  const char = needText(fill);
  if (textLength(char) !== 1) throw typeError("The fill character must be exactly one character long");
  const size = index(width);
  if (side !== "^") return pad(string, size, char, side);
  // Python puts the odd one left where the width is odd
  const room = Math.max(0, size - textLength(string));
  const left = (room >> 1) + (room & size & 1);
  return pad(pad(string, size - room + left, char, ">"), size, char, "<");
}

const matching = (pattern: RegExp): Native<string> => ["", self => pattern.test(self)];
const of = (run: (self: string) => Value): Native<string> => ["", self => run(self)];

export const strings: Record<string, Native<string>> = {
  upper: of(self => self.toUpperCase()),
  lower: of(self => self.toLowerCase()),
  casefold: of(self => self.toLowerCase().replaceAll("ß", "ss")),
  capitalize: of(capitalize),
  title: of(title),
  swapcase: of(self =>
    self.replace(/\p{L}/gu, c => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())),
  ),
  strip: ["chars?", (self, chars = null) => strip(self, chars, "both")],
  lstrip: ["chars?", (self, chars = null) => strip(self, chars, "left")],
  rstrip: ["chars?", (self, chars = null) => strip(self, chars, "right")],
  split: ["sep? maxsplit?", (self, by = null, limit = -1) => split(self, by, limit, false)],
  rsplit: ["sep? maxsplit?", (self, by = null, limit = -1) => split(self, by, limit, true)],
  splitlines: ["keepends?", (self, keep = false) => splitLines(self, truth(keep))],
  startswith: [
    "prefix start? end?",
    (self, given, from = null, to = null) => affix(self, given, from, to, "startsWith"),
  ],
  endswith: [
    "suffix start? end?",
    (self, given, from = null, to = null) => affix(self, given, from, to, "endsWith"),
  ],
  removeprefix: [
    "prefix",
    (self, prefix) => (self.startsWith(needText(prefix)) ? self.slice(needText(prefix).length) : self),
  ],
  removesuffix: [
    "suffix",
    (self, suffix) =>
      self.endsWith(needText(suffix)) ? self.slice(0, self.length - needText(suffix).length) : self,
  ],
  replace: [
    "old new count?",
    (self, from, to, count = -1) => replaceText(self, needText(from), needText(to), index(count)),
  ],
  find: ["sub start? end?", (self, sub, from = null, to = null) => find(self, sub, from, to, false)],
  rfind: ["sub start? end?", (self, sub, from = null, to = null) => find(self, sub, from, to, true)],
  index: ["sub start? end?", (self, sub, from = null, to = null) => found(find(self, sub, from, to, false))],
  rindex: ["sub start? end?", (self, sub, from = null, to = null) => found(find(self, sub, from, to, true))],
  count: [
    "sub start? end?",
    (self, sub, from = null, to = null) => {
      const within = part(self, from, to);
      const wanted = needText(sub);
      if (!within) return 0;
      return wanted === "" ? textLength(within[0]) + 1 : within[0].split(wanted).length - 1;
    },
  ],
  join: [
    "iterable",
    (self, iterable) =>
      joined(
        Array.from(items(iterable), (item, i) => {
          if (isText(item)) return plain(item);
          throw typeError(`sequence item ${i}: expected str instance, ${typeName(item)} found`);
        }),
        self,
      ),
  ],
  partition: ["sep", (self, by) => partition(self, by, false)],
  rpartition: ["sep", (self, by) => partition(self, by, true)],
  isascii: matching(/^[\0-\x7f]*$/),
  isdigit: matching(/^[\p{Nd}²³¹⁰-₉①-⑨]+$/u),
  isdecimal: matching(/^\p{Nd}+$/u),
  isnumeric: matching(/^\p{N}+$/u),
  isalpha: matching(/^\p{L}+$/u),
  isalnum: matching(/^[\p{L}\p{N}]+$/u),
  isidentifier: matching(/^[\p{XID_Start}_][\p{XID_Continue}]*$/u),
  isprintable: matching(/^(?:[^\p{C}\p{Z}]| )*$/u),
  isspace: matching(new RegExp(`^[${whiteSpace}]+$`)),
  isupper: of(self => hasCase(self) && self === self.toUpperCase()),
  islower: of(self => hasCase(self) && self === self.toLowerCase()),
  istitle: of(isTitle),
  zfill: [
    "width",
    (self, width) => {
      const sign = /^[+-]/.test(self) ? self[0]! : "";
      return sign + pad(self.slice(sign.length), index(width) - sign.length, "0", ">");
    },
  ],
  ljust: ["width fillchar?", (self, width, fill = " ") => padded(self, width, fill, "<")],
  rjust: ["width fillchar?", (self, width, fill = " ") => padded(self, width, fill, ">")],
  center: ["width fillchar?", (self, width, fill = " ") => padded(self, width, fill, "^")],
  expandtabs: [
    "tabsize?",
    (self, size = 8) => {
      const width = Math.max(0, index(size));
      const parts: string[] = [];
      let column = 0;
      for (const piece of self.split(/(\t|[\r\n])/)) {
        const tab = piece === "\t";
        const room = width === 0 ? 0 : width - (column % width);
        spend(4);
        spendText(tab ? room : 1);
        parts.push(tab ? " ".repeat(room) : piece);
        column = /[\r\n]/.test(piece) ? 0 : column + (tab ? room : textLength(piece));
      }
      return joined(parts);
    },
  ],
  translate: [
    "table",
    (self, table) => {
      if (!(table instanceof Dict)) throw typeError(`'${typeName(table)}' object is not subscriptable`);
      const swap = (one: string): string => {
        const by = table.get(one.codePointAt(0)!);
        if (by === undefined) return one;
        return by === null ? "" : isText(by) ? plain(by) : char(index(by));
      };
      return joined(codePoints(self).map(swap));
    },
  ],
};
