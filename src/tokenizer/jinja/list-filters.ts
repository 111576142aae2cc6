/** Filters over lists and numbers. */
import type { Native } from "./arguments.ts";
import { compare, equal } from "./compare.ts";
import { spend, spendList, TemplateFailure, typeError, valueError } from "./failure.ts";
import { fixed, truncate } from "./format.ts";
import { element, member, missing } from "./lookup.ts";
import { binary } from "./numbers.ts";
import { strip } from "./strings.ts";
import {
  Dict,
  Group,
  index,
  isFloat,
  isInt,
  isList,
  isNumber,
  isText,
  items,
  Lazy,
  makeFloat,
  makeInt,
  needDefined,
  numberOf,
  orElse,
  plain,
  textLength,
  truth,
  tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.ts";
import { joined, text } from "./write.ts";

type Filter = Native<Value>;
const argumentError = (message: string): TemplateFailure =>
  new TemplateFailure("FilterArgumentError", message);
const folded = (value: Value): Value => (isText(value) ? plain(value).toLowerCase() : value);

/** An attribute by a path such as `function.name`, or an index. */
export function byPath(value: Value, path: Value, otherwise: Value = null): Value {
  const parts = isText(path)
    ? plain(path)
        .split(".")
        .map(part => (/^\d+$/.test(part) ? Number(part) : part))
    : [path];
  let found = value;
  for (const part of parts) {
    found = element(found, part);
    if (found instanceof Undefined && otherwise !== null) found = otherwise;
  }
  return found;
}

/** How `unique`, `groupby`, `min` and `max` see an item. */
function keyOf(path: Value, caseSensitive: Value, otherwise: Value = null): (item: Value) => Value {
  return item => {
    const value = path === null ? item : byPath(item, path, otherwise);
    return truth(caseSensitive) ? value : folded(value);
  };
}

/** How `sort` does: by several attributes one after the other. */
function sortKey(path: Value, caseSensitive: Value): (item: Value) => Value {
  const paths = isText(path) ? plain(path).split(",") : [path];
  const keys = paths.map(one => keyOf(one, caseSensitive));
  return item => keys.map(key => key(item));
}

function sorted(list: readonly Value[], key: (item: Value) => Value, reverse: Value): Value[] {
  const keyed = list.map((item): [Value, Value] => [key(item), item]);
  const sign = truth(reverse) ? -1 : 1;
  return keyed.sort(([a], [b]) => sign * compare(a, b)).map(([, item]) => item);
}

function extreme(value: Value, key: (item: Value) => Value, sign: number): Value {
  const list = items(value);
  if (list.length === 0) return new Undefined("No aggregated item, sequence was empty.");
  return list.reduce((best, item) => (compare(key(item), key(best)) * sign > 0 ? item : best));
}

/** What a list, a text or a dict begins or ends with. */
function end(value: Value, last: boolean): Value | undefined {
  if (value instanceof Lazy && !last) {
    const next = value.iterator.next();
    return next.done ? undefined : next.value;
  }
  if (value instanceof Lazy) throw typeError(`'${typeName(value)}' object is not reversible`);
  return items(value).at(last ? -1 : 0);
}

export function lengthOf(value: Value): number {
  if (isText(value)) return textLength(plain(value));
  if (isList(value)) return value.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View || value instanceof Undefined) return items(value).length;
  throw typeError(`object of type '${typeName(value)}' has no len()`);
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** `float(text)`; `null` where that fails. */
function toFloat(value: Value): number | null {
  if (isNumber(value)) return numberOf(value);
  needDefined(value);
  if (!isText(value)) return null;
  const written = strip(plain(value), null, "both").toLowerCase();
  const [, sign, name] = /^([+-]?)(inf|infinity|nan)$/.exec(written) ?? [];
  if (name !== undefined) return name === "nan" ? Number.NaN : sign === "-" ? -Infinity : Infinity;
  const digits = written.replace(/(?<=\d)_(?=\d)/g, "");
  return decimal.test(digits) ? Number(digits) : null;
}

const prefixes: Record<number, string> = { 2: "0b", 8: "0o", 16: "0x" };

/** `int(text, base)`; `null` where that fails. */
function parseInteger(string: string, base: number): Value {
  const written = strip(string, null, "both").toLowerCase();
  const negative = written.startsWith("-");
  let digits = written.replace(/^[+-]/, "").replace(/(?<=[\da-z])_(?=[\da-z])/g, "");
  let radix = base;
  for (const [size, prefix] of Object.entries(prefixes)) {
    if ((base === 0 || base === Number(size)) && digits.startsWith(prefix)) {
      digits = digits.slice(2);
      radix = Number(size);
    }
  }
  if (radix === 0) radix = 10;
  if (radix < 2 || radix > 36) throw valueError("int() base must be >= 2 and <= 36, or 0");
  if (digits === "" || digits.length > 4300) return null;
  let total = 0n;
  let exact = 0;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 36);
    if (Number.isNaN(worth) || worth >= radix) return null;
    if (digits.length <= 10) exact = exact * radix + worth;
    else total = total * BigInt(radix) + BigInt(worth);
  }
  spend(digits.length);
  return digits.length <= 10 ? (negative ? 0 - exact : exact) : makeInt(negative ? -total : total);
}

function toInt(value: Value, otherwise: Value, base: number): Value {
  if (isInt(value)) return typeof value === "boolean" ? Number(value) : value;
  if (isText(value)) {
    let parsed: Value = null;
    if ((base >= 2 && base <= 36) || base === 0) parsed = parseInteger(plain(value), base);
    if (parsed !== null) return parsed;
  }
  const number = toFloat(value);
  if (number === null || Number.isNaN(number) || (isText(value) && !Number.isFinite(number)))
    return otherwise;
  return truncate(number);
}

function round(value: Value, precision: Value, method: string): Value {
  if (!["common", "ceil", "floor"].includes(method))
    throw argumentError("method must be common, ceil or floor");
  if (!isNumber(value)) throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
  const digits = index(precision);
  const scale = 10 ** digits;
  const number = numberOf(value);
  if (method !== "common")
    return makeFloat((method === "ceil" ? Math.ceil : Math.floor)(number * scale) / scale);
  if (!isFloat(value) && digits >= 0) return typeof value === "boolean" ? Number(value) : value;
  if (digits >= 0) return makeFloat(digits > 300 ? number : Number(fixed(number, digits)));
  if (digits < -300) return isFloat(value) ? makeFloat(0) : 0;
  const near = Math.floor(number * scale);
  const rest = number * scale - near;
  const whole = (rest > 0.5 || (rest === 0.5 && near % 2 !== 0) ? near + 1 : near) * 10 ** -digits + 0;
  return isFloat(value) ? makeFloat(whole) : whole;
}

function* batch(value: Value, size: Value, fill: Value): Generator<Value> {
  let part: Value[] = [];
  for (const item of items(value)) {
    if (equal(part.length, size)) {
      yield part;
      part = [];
    }
    part.push(item);
  }
  if (part.length === 0) return;
  const room = fill === null ? 0 : index(size) - part.length;
  spendList(Math.max(0, room));
  for (let i = 0; i < room; i++) part.push(fill);
  yield part;
}

function* slices(value: Value, count: Value, fill: Value): Generator<Value> {
  const list = items(value);
  const size = index(count);
  if (size === 0) throw new TemplateFailure("ZeroDivisionError", "integer division or modulo by zero");
  const each = Math.floor(list.length / size);
  const more = list.length - each * size;
  let from = 0;
  for (let i = 0; i < size; i++) {
    const to = from + each + (i < more ? 1 : 0);
    const part = list.slice(from, to);
    if (fill !== null && i >= more) part.push(fill);
    from = to;
    yield part;
  }
}

function* unique(value: Value, key: (item: Value) => Value): Generator<Value> {
  const seen = new Dict();
  for (const item of items(value)) {
    const known = key(item);
    if (seen.has(known)) continue;
    seen.set(known, null);
    yield item;
  }
}

function groupBy(value: Value, path: Value, otherwise: Value, caseSensitive: Value): Value[] {
  const key = keyOf(path, caseSensitive, otherwise);
  const groups: Group[] = [];
  let last: Value | undefined;
  for (const item of sorted(items(value), key, false)) {
    const now = key(item);
    if (last !== undefined && equal(last, now)) (groups.at(-1)![1] as Value[]).push(item);
    else groups.push(Group.of(byPath(item, path, otherwise), [item]) as Group);
    last = now;
  }
  return groups;
}

function* pairs(value: Value): Generator<Value> {
  if (value instanceof Undefined) return;
  if (!(value instanceof Dict)) throw typeError("Can only get item pairs from a mapping.");
  for (const [key, item] of value.entries()) yield tuple(key, item);
}

const length: Filter = ["", lengthOf];
const otherwiseFilter: Filter = [
  "default_value? boolean?",
  (value, otherwise = "", all = false) =>
    value instanceof Undefined || (truth(all) && !truth(value)) ? otherwise : value,
];

export const listFilters: Record<string, Filter> = {
  abs: [
    "",
    value => {
      if (!isNumber(value)) throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
      if (typeof value === "bigint") return value < 0 ? -value : value;
      return isFloat(value) ? makeFloat(Math.abs(numberOf(value))) : Math.abs(Number(value));
    },
  ],
  attr: [
    "name",
    (value, name) => {
      needDefined(value);
      return orElse(member(value, text(name)), () => missing(value, text(name)));
    },
  ],
  batch: ["linecount fill_with?", (value, size, fill = null) => new Lazy(batch(value, size, fill))],
  count: length,
  length,
  default: otherwiseFilter,
  d: otherwiseFilter,
  dictsort: [
    "case_sensitive? by? reverse?",
    (value, caseSensitive = false, by = "key", reverse = false) => {
      const place = ["key", "value"].indexOf(text(by));
      if (place < 0) throw argumentError('You can only sort by either "key" or "value"');
      needDefined(value);
      if (!(value instanceof Dict)) {
        throw new TemplateFailure("AttributeError", `'${typeName(value)}' object has no attribute 'items'`);
      }
      return sorted([...pairs(value)], keyOf(place, caseSensitive), reverse);
    },
  ],
  first: ["", value => orElse(end(value, false), () => new Undefined("No first item, sequence was empty."))],
  last: ["", value => orElse(end(value, true), () => new Undefined("No last item, sequence was empty."))],
  float: [
    "default?",
    (value, otherwise = makeFloat(0)) => {
      const number = toFloat(value);
      return number === null ? otherwise : makeFloat(number);
    },
  ],
  groupby: [
    "attribute default? case_sensitive?",
    (value, path, otherwise = null, caseSensitive = false) => groupBy(value, path, otherwise, caseSensitive),
  ],
  int: ["default? base?", (value, otherwise = 0, base = 10) => toInt(value, otherwise, index(base))],
  items: ["", value => new Lazy(pairs(value))],
  join: [
    "d? attribute?",
    (value, glue = "", path = null) =>
      joined(
        Array.from(items(value), item => text(path === null ? item : byPath(item, path))),
        text(glue),
      ),
  ],
  list: ["", value => [...items(value)]],
  max: [
    "case_sensitive? attribute?",
    (value, caseSensitive = false, path = null) => extreme(value, keyOf(path, caseSensitive), 1),
  ],
  min: [
    "case_sensitive? attribute?",
    (value, caseSensitive = false, path = null) => extreme(value, keyOf(path, caseSensitive), -1),
  ],
  random: [
    "",
    value => {
      const list = items(value);
      return orElse(
        list[Math.floor(Math.random() * list.length)],
        () => new Undefined("No random item, sequence was empty."),
      );
    },
  ],
  reverse: [
    "",
    value => {
      if (isText(value)) return [...items(value)].reverse().join("");
      const iterable =
        isList(value) || value instanceof Dict || value instanceof View || value instanceof Undefined;
      if (!iterable) throw argumentError("argument must be iterable");
      return new Lazy([...items(value)].reverse().values(), "list_reverseiterator");
    },
  ],
  round: [
    "precision? method?",
    (value, precision = 0, method = "common") => round(value, precision, text(method)),
  ],
  slice: ["slices fill_with?", (value, count, fill = null) => new Lazy(slices(value, count, fill))],
  sort: [
    "reverse? case_sensitive? attribute?",
    (value, reverse = false, caseSensitive = false, path = null) =>
      sorted(items(value), sortKey(path, caseSensitive), reverse),
  ],
  sum: [
    "attribute? start?",
    (value, path = null, start = 0) =>
      items(value).reduce((total, item) => {
        if (isText(total)) throw typeError("sum() can't sum strings [use ''.join(seq) instead]");
        return binary("+", total, path === null ? item : byPath(item, path));
      }, start),
  ],
  unique: [
    "case_sensitive? attribute?",
    (value, caseSensitive = false, path = null) => new Lazy(unique(value, keyOf(path, caseSensitive))),
  ],
};
