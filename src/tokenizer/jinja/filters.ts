/** What stands after `|`: `messages | length`. As in Jinja, with the `tojson` of Hugging Face transformers. */
import { argumentsOf, capitalize, replaceText, strip, title } from "./methods.ts";
import { runTest } from "./tests.ts";
import {
  Attributes,
  compare,
  contains,
  equal,
  Group,
  isDict,
  isFloat,
  isNumber,
  items,
  json,
  makeFloat,
  numberOf,
  TemplateFailure,
  Tuple,
  text,
  truth,
  typeError,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

type Arguments = ReturnType<typeof argumentsOf>;
/** `lookup` = element or attribute of that name. */
export interface FilterContext {
  lookup: (value: Value, name: Value) => Value;
}
type Filter = (
  value: Value,
  arg: Arguments,
  context: FilterContext,
  all: Value[],
  named: Map<string, Value>,
) => Value;

const folded = (value: Value): Value => (typeof value === "string" ? value.toLowerCase() : value);

/** An attribute by a path such as `function.name`, or an index. */
function attribute(value: Value, path: Value, { lookup }: FilterContext, otherwise?: Value): Value {
  const parts =
    typeof path === "string"
      ? path.split(".").map(part => (/^\d+$/.test(part) ? Number(part) : part))
      : [path];
  let found = value;
  for (const part of parts) {
    found = lookup(found, part);
    if (found instanceof Undefined && otherwise !== undefined) return otherwise;
  }
  return found;
}

/** How `sort`, `unique`, `min` and `max` see an item. */
function sortKey(arg: Arguments, place: number, context: FilterContext): (item: Value) => Value {
  const path = arg("attribute", place, null);
  const fold = arg("case_sensitive", place - 1, false) !== true;
  return item => {
    const value = path === null ? item : attribute(item, path, context);
    return fold ? folded(value) : value;
  };
}

/** `select` and its kin: items of which a test is true, or of which an attribute is. */
function choose(
  value: Value,
  all: Value[],
  context: FilterContext,
  byAttribute: boolean,
  wanted: boolean,
): Value {
  const [path, ...rest] = byAttribute ? all : [null, ...all];
  const [name, ...args] = rest;
  return items(value).filter(item => {
    const seen = byAttribute ? attribute(item, path!, context) : item;
    return (name === undefined ? truth(seen) : runTest(text(name), seen, args)) === wanted;
  });
}

function toInt(value: Value, otherwise: Value, base: number): Value {
  if (isNumber(value)) {
    const number = numberOf(value);
    return Number.isFinite(number) ? Math.trunc(number) : otherwise;
  }
  if (typeof value === "string") {
    const digits = strip(value, null, "both").replaceAll("_", "");
    if (base === 10 && /^[+-]?\d+$/.test(digits)) return Number(digits);
    if (base !== 10 && /^[+-]?(?:0[xob])?[0-9a-z]+$/i.test(digits)) {
      const parsed = Number.parseInt(digits.replace(/0[xob]/i, ""), base);
      if (!Number.isNaN(parsed)) return parsed;
    }
    if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(digits)) return Math.trunc(Number(digits));
  }
  if (value instanceof Undefined) throw undefinedError(value);
  return otherwise;
}

function round(value: Value, digits: number, method: string): Value {
  if (!isNumber(value)) throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
  const scale = 10 ** digits;
  const number = numberOf(value);
  if (method === "ceil") return makeFloat(Math.ceil(number * scale) / scale);
  if (method === "floor") return makeFloat(Math.floor(number * scale) / scale);
  if (!isFloat(value) && digits >= 0) return number;
  if (digits < 0)
    return isFloat(value)
      ? makeFloat(Math.round(number * scale) / scale)
      : Math.round(number * scale) / scale;
  // toFixed knows the exact value, but takes halves up; Python takes them to the even neighbour
  const exact = Math.abs(number).toFixed(Math.min(100, digits + 40));
  const tie = /^50*$/.test(exact.slice(exact.indexOf(".") + 1 + digits));
  const down = Math.floor(Math.abs(number) * scale);
  const size = tie ? (down % 2 === 0 ? down : down + 1) / scale : Number(Math.abs(number).toFixed(digits));
  return makeFloat(number < 0 ? -size : size);
}

const filters: Record<string, Filter> = {
  abs: value => {
    if (!isNumber(value)) throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
    const size = Math.abs(numberOf(value));
    return isFloat(value) ? makeFloat(size) : size;
  },
  attr: (value, arg, { lookup }) => lookup(value, arg("name", 0)),
  batch: (value, arg) => {
    const size = arg("linecount", 0) as number;
    const fill = arg("fill_with", 1, null);
    const list = items(value);
    const batches: Value[] = [];
    for (let i = 0; i < list.length; i += size) batches.push([...list.slice(i, i + size)]);
    const last = batches.at(-1) as Value[] | undefined;
    if (fill !== null) while (last && last.length < size) last.push(fill);
    return batches;
  },
  capitalize: value => capitalize(text(value)),
  default: (value, arg) => {
    const otherwise = arg("default_value", 0, "");
    return value instanceof Undefined || (truth(arg("boolean", 1, false)) && !truth(value))
      ? otherwise
      : value;
  },
  dictsort: (value, arg) => {
    if (!isDict(value)) throw typeError(`'${typeName(value)}' object has no attribute 'items'`);
    const by = arg("by", 1, "key") === "value" ? 1 : 0;
    const key = (pair: Value[]): Value =>
      arg("case_sensitive", 0, false) === true ? pair[by]! : folded(pair[by]!);
    const pairs = [...value].map(([name, item]) => Tuple.of(name, item));
    return sorted(
      pairs,
      (a, b) => compare(key(a as Value[]), key(b as Value[])),
      truth(arg("reverse", 2, false)),
    );
  },
  escape: value =>
    text(value).replace(
      /[&<>'"]/g,
      char => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" })[char]!,
    ),
  first: value => items(value)[0] ?? new Undefined("No first item, sequence was empty."),
  last: value => items(value).at(-1) ?? new Undefined("No last item, sequence was empty."),
  float: (value, arg) => {
    if (isNumber(value)) return makeFloat(numberOf(value));
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
    return Number.isNaN(number) ? arg("default", 0, makeFloat(0)) : makeFloat(number);
  },
  format: (value, _arg, _context, all, named) =>
    percentFormat(text(value), named.size > 0 ? new Map(named) : all),
  groupby: (value, arg, context) => {
    const path = arg("attribute", 0);
    const otherwise = arg("default", 1, null);
    const keyOf = (item: Value): Value => attribute(item, path, context, otherwise ?? undefined);
    const groups: Value[] = [];
    for (const item of sorted(items(value), (a, b) => compare(folded(keyOf(a)), folded(keyOf(b))), false)) {
      const last = groups.at(-1) as Value[] | undefined;
      if (last && equal(folded(last[0]!), folded(keyOf(item)))) (last[1] as Value[]).push(item);
      else groups.push(Group.of(keyOf(item), [item]));
    }
    return groups;
  },
  indent: (value, arg) => {
    const width = arg("width", 0, 4);
    const space = typeof width === "string" ? width : " ".repeat(width as number);
    const lines = text(value).split("\n");
    const blank = truth(arg("blank", 2, false));
    const indented = lines.map((line, i) => (i === 0 || (line === "" && !blank) ? line : space + line));
    return (truth(arg("first", 1, false)) ? space : "") + indented.join("\n");
  },
  int: (value, arg) => toInt(value, arg("default", 0, 0), arg("base", 1, 10) as number),
  items: value => {
    if (value instanceof Undefined) return [];
    if (!isDict(value)) throw typeError("Can only get item pairs from a mapping.");
    return [...value].map(([key, item]) => Tuple.of(key, item));
  },
  join: (value, arg, context) => {
    const path = arg("attribute", 1, null);
    const parts = items(value).map(item => (path === null ? item : attribute(item, path, context)));
    return parts.map(text).join(text(arg("d", 0, "")));
  },
  length: value => {
    if (typeof value === "string" || Array.isArray(value) || value instanceof Undefined)
      return items(value).length;
    if (isDict(value)) return value.size;
    throw typeError(`object of type '${typeName(value)}' has no len()`);
  },
  list: value => [...items(value)],
  lower: value => text(value).toLowerCase(),
  map: (value, arg, context, all, named) => {
    if (named.has("attribute")) {
      const otherwise = named.get("default");
      return items(value).map(item => attribute(item, arg("attribute", 0), context, otherwise));
    }
    const [name, ...args] = all;
    if (name === undefined)
      throw new TemplateFailure("FilterArgumentError", "map requires a filter argument");
    return items(value).map(item => applyFilter(text(name), item, args, named, context));
  },
  max: (value, arg, context) => extreme(value, sortKey(arg, 1, context), 1),
  min: (value, arg, context) => extreme(value, sortKey(arg, 1, context), -1),
  reject: (value, _arg, context, all) => choose(value, all, context, false, false),
  rejectattr: (value, _arg, context, all) => choose(value, all, context, true, false),
  select: (value, _arg, context, all) => choose(value, all, context, false, true),
  selectattr: (value, _arg, context, all) => choose(value, all, context, true, true),
  replace: (value, arg) =>
    replaceText(
      text(value),
      text(arg("old", 0)),
      text(arg("new", 1)),
      (arg("count", 2, null) ?? -1) as number,
    ),
  reverse: value => (typeof value === "string" ? [...value].reverse().join("") : [...items(value)].reverse()),
  round: (value, arg) => round(value, arg("precision", 0, 0) as number, text(arg("method", 1, "common"))),
  safe: value => value,
  sort: (value, arg, context) => {
    const key = sortKey(arg, 2, context);
    return sorted(items(value), (a, b) => compare(key(a), key(b)), truth(arg("reverse", 0, false)));
  },
  string: value => text(value),
  sum: (value, arg, context) => {
    const path = arg("attribute", 0, null);
    const numbers = items(value).map(item => (path === null ? item : attribute(item, path, context)));
    let total = numberOf(arg("start", 1, 0) as number);
    for (const number of numbers) {
      if (!isNumber(number))
        throw typeError(`unsupported operand type(s) for +: 'int' and '${typeName(number)}'`);
      total += numberOf(number);
    }
    return numbers.some(isFloat) ? makeFloat(total) : total;
  },
  title: value => title(text(value)),
  tojson: (value, arg) => {
    const indent = arg("indent", 1, null);
    const separators = arg("separators", 2, null) as [string, string] | null;
    return json(value, {
      indent: indent === null ? null : typeof indent === "string" ? indent : " ".repeat(indent as number),
      ensureAscii: truth(arg("ensure_ascii", 0, false)),
      sortKeys: truth(arg("sort_keys", 3, false)),
      separators,
    });
  },
  trim: (value, arg) => strip(text(value), arg("chars", 0, null), "both"),
  truncate: (value, arg) => {
    const length = arg("length", 0, 255) as number;
    const end = text(arg("end", 2, "..."));
    const string = text(value);
    if (string.length <= length + (arg("leeway", 3, 5) as number)) return string;
    const cut = string.slice(0, length - end.length);
    if (truth(arg("killwords", 1, false))) return cut + end;
    return (cut.includes(" ") ? cut.slice(0, cut.lastIndexOf(" ")) : cut) + end;
  },
  unique: (value, arg, context) => {
    const key = sortKey(arg, 1, context);
    const seen: Value[] = [];
    return items(value).filter(item => !contains(seen, key(item)) && seen.push(key(item)) > 0);
  },
  upper: value => text(value).toUpperCase(),
  urlencode: value => encodeURIComponent(text(value)).replaceAll("%2F", "/"),
  wordcount: value => text(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0,
};
const otherNames: Record<string, string> = { count: "length", d: "default", e: "escape" };

function sorted(list: Value[], order: (a: Value, b: Value) => number, reverse: boolean): Value[] {
  return [...list].sort((a, b) => (reverse ? order(b, a) : order(a, b)));
}

function extreme(value: Value, key: (item: Value) => Value, sign: number): Value {
  const list = items(value);
  if (list.length === 0) return new Undefined("No aggregated item, sequence was empty.");
  return list.reduce((best, item) => (compare(key(item), key(best)) * sign > 0 ? item : best));
}

/** `template % values` */
export function percentFormat(template: string, values: Value): string {
  const list = values instanceof Tuple || Array.isArray(values) ? values : [values];
  let next = 0;
  return template.replace(/%(?:\((\w+)\))?([-+0 #]*)(\d*)(?:\.(\d+))?([sdifrxX%])/g, (...match) => {
    const [, name, flags, width, precision, kind] = match as string[];
    if (kind === "%") return "%";
    const value = name !== undefined && isDict(values) ? values.get(name) : list[next++];
    if (value === undefined) throw typeError("not enough arguments for format string");
    let written = text(value);
    if (kind === "d" || kind === "i") written = text(toInt(value, 0, 10));
    if (kind === "f")
      written = numberOf(value as number).toFixed(precision === undefined ? 6 : Number(precision));
    if (kind === "x") written = numberOf(value as number).toString(16);
    if (kind === "X")
      written = numberOf(value as number)
        .toString(16)
        .toUpperCase();
    const size = Number(width || 0);
    if (flags!.includes("-")) return written.padEnd(size);
    return written.padStart(size, flags!.includes("0") && kind !== "s" ? "0" : " ");
  });
}

export function applyFilter(
  name: string,
  value: Value,
  args: Value[],
  named: Map<string, Value>,
  context: FilterContext,
): Value {
  const known = otherNames[name] ?? name;
  if (!Object.hasOwn(filters, known)) {
    throw new TemplateFailure("TemplateAssertionError", `No filter named '${name}'.`);
  }
  if (value instanceof Attributes && known === "length")
    throw typeError("object of type 'Namespace' has no len()");
  return filters[known]!(value, argumentsOf(name, args, named), context, args, named);
}
