/** What Python's strings, dicts and lists can do, as far as templates may: nothing that changes a value. */
import {
  type Callable,
  type Dict,
  equal,
  items,
  repr,
  TemplateFailure,
  Tuple,
  text,
  typeError,
  typeName,
  type Value,
} from "./values.ts";

type Arguments = (name: string, position: number, otherwise?: Value) => Value;
type Method<T> = (self: T, arg: Arguments, all: Value[], named: Map<string, Value>) => Value;

/** Python's white space and line ends, in a class of a regular expression. */
const whiteSpace = String.raw`\s\x1c-\x1f\x85`;
const lineEnd = String.raw`(?:\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029])`;
const word = new RegExp(`[^${whiteSpace}]+`, "gu");
const line = new RegExp(`(?:(?!${lineEnd}).)*(?:${lineEnd}|$)`, "gsu");
const atLineEnd = new RegExp(`${lineEnd}$`, "u");
const escaped = (chars: string): string =>
  [...chars].map(char => `\\u{${char.codePointAt(0)!.toString(16)}}`).join("");

/** `strip` and its kin: of white space, or of any of `chars`. */
export function strip(string: string, chars: Value, ends: "left" | "right" | "both"): string {
  if (chars === "") return string;
  const one = typeof chars === "string" ? `[${escaped(chars)}]` : `(?!\\ufeff)[${whiteSpace}]`;
  let result = string;
  if (ends !== "right") result = result.replace(new RegExp(`^(?:${one})+`, "u"), "");
  if (ends !== "left") {
    const last = new RegExp(`^(?:${one})$`, "u");
    const points = [...result];
    let end = points.length;
    while (end > 0 && last.test(points[end - 1]!)) end--;
    result = points.slice(0, end).join("");
  }
  return result;
}

function needString(value: Value, what: string): string {
  if (typeof value === "string") return value;
  throw typeError(`${what} must be str, not ${typeName(value)}`);
}

function words(string: string, limit: number, fromRight: boolean): string[] {
  const found = [...string.matchAll(word)];
  if (limit < 0 || found.length <= limit) return found.map(match => match[0]);
  if (fromRight) {
    const kept = limit === 0 ? [] : found.slice(-limit);
    const rest = found[found.length - limit - 1]!;
    return [
      strip(string.slice(0, rest.index + rest[0].length), null, "left"),
      ...kept.map(match => match[0]),
    ];
  }
  return [...found.slice(0, limit).map(match => match[0]), string.slice(found[limit]!.index)];
}

function split(string: string, arg: Arguments, fromRight: boolean): Value {
  const separator = arg("sep", 0, null);
  const limit = arg("maxsplit", 1, -1) as number;
  if (separator === null) return words(string, limit, fromRight);
  if (separator === "") throw new TemplateFailure("ValueError", "empty separator");
  const parts = string.split(needString(separator, "sep"));
  if (limit < 0 || parts.length - 1 <= limit) return parts;
  const at = fromRight ? parts.length - limit : limit;
  const joined = (list: string[]): string => list.join(separator as string);
  return fromRight
    ? [joined(parts.slice(0, at)), ...parts.slice(at)]
    : [...parts.slice(0, at), joined(parts.slice(at))];
}

/** Whether `string` starts or ends with a string or one of a tuple. */
function affix(string: string, given: Value, test: (part: string) => boolean): boolean {
  if (given instanceof Tuple) return given.some(part => affix(string, part, test));
  return test(needString(given, "first arg"));
}

export const capitalize = (string: string): string => {
  const [first = "", ...rest] = string;
  return first.toUpperCase() + rest.join("").toLowerCase();
};
export const title = (string: string): string => string.replace(/\p{L}+/gu, found => capitalize(found));
const hasCase = (string: string): boolean => string.toLowerCase() !== string.toUpperCase();
const codePoints = (string: string, index: number): number =>
  index < 0 ? index : [...string.slice(0, index)].length;

const strings: Record<string, Method<string>> = {
  upper: self => self.toUpperCase(),
  lower: self => self.toLowerCase(),
  casefold: self => self.toLowerCase(),
  capitalize: self => capitalize(self),
  title: self => title(self),
  swapcase: self =>
    Array.from(self, c => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join(""),
  strip: (self, arg) => strip(self, arg("chars", 0, null), "both"),
  lstrip: (self, arg) => strip(self, arg("chars", 0, null), "left"),
  rstrip: (self, arg) => strip(self, arg("chars", 0, null), "right"),
  split: (self, arg) => split(self, arg, false),
  rsplit: (self, arg) => split(self, arg, true),
  splitlines: (self, arg) => {
    const lines = (self.match(line) ?? []).filter(found => found !== "");
    return arg("keepends", 0, false) === true ? lines : lines.map(found => found.replace(atLineEnd, ""));
  },
  startswith: (self, arg) => affix(self, arg("prefix", 0), part => self.startsWith(part)),
  endswith: (self, arg) => affix(self, arg("suffix", 0), part => self.endsWith(part)),
  removeprefix: (self, arg) => {
    const prefix = arg("prefix", 0) as string;
    return self.startsWith(prefix) ? self.slice(prefix.length) : self;
  },
  removesuffix: (self, arg) => {
    const suffix = arg("suffix", 0) as string;
    return suffix !== "" && self.endsWith(suffix) ? self.slice(0, -suffix.length) : self;
  },
  replace: (self, arg) =>
    replaceText(
      self,
      needString(arg("old", 0), "replace() argument 1"),
      needString(arg("new", 1), "replace() argument 2"),
      arg("count", 2, -1) as number,
    ),
  find: (self, arg) => codePoints(self, self.indexOf(arg("sub", 0) as string)),
  rfind: (self, arg) => codePoints(self, self.lastIndexOf(arg("sub", 0) as string)),
  index: (self, arg) => {
    const at = self.indexOf(arg("sub", 0) as string);
    if (at < 0) throw new TemplateFailure("ValueError", "substring not found");
    return codePoints(self, at);
  },
  count: (self, arg) => self.split(arg("sub", 0) as string).length - 1,
  join: (self, arg) =>
    items(arg("iterable", 0))
      .map((part, i) => {
        if (typeof part === "string") return part;
        throw typeError(`sequence item ${i}: expected str instance, ${typeName(part)} found`);
      })
      .join(self),
  partition: (self, arg) => {
    const at = self.indexOf(arg("sep", 0) as string);
    const size = (arg("sep", 0) as string).length;
    return at < 0
      ? Tuple.of(self, "", "")
      : Tuple.of(self.slice(0, at), arg("sep", 0), self.slice(at + size));
  },
  rpartition: (self, arg) => {
    const at = self.lastIndexOf(arg("sep", 0) as string);
    const size = (arg("sep", 0) as string).length;
    return at < 0
      ? Tuple.of("", "", self)
      : Tuple.of(self.slice(0, at), arg("sep", 0), self.slice(at + size));
  },
  isdigit: self => /^[\p{Nd}²³¹⁰-₉]+$/u.test(self),
  isdecimal: self => /^\p{Nd}+$/u.test(self),
  isnumeric: self => /^\p{N}+$/u.test(self),
  isalpha: self => /^\p{L}+$/u.test(self),
  isalnum: self => /^[\p{L}\p{N}]+$/u.test(self),
  isspace: self => self !== "" && strip(self, null, "both") === "",
  isupper: self => hasCase(self) && self === self.toUpperCase(),
  islower: self => hasCase(self) && self === self.toLowerCase(),
  zfill: (self, arg) => {
    const [, sign = "", digits = ""] = /^([+-]?)(.*)$/su.exec(self)!;
    return sign + digits.padStart((arg("width", 0) as number) - sign.length, "0");
  },
  ljust: (self, arg) => self.padEnd(arg("width", 0) as number, arg("fillchar", 1, " ") as string),
  rjust: (self, arg) => self.padStart(arg("width", 0) as number, arg("fillchar", 1, " ") as string),
  center: (self, arg) => {
    const room = Math.max(0, (arg("width", 0) as number) - self.length);
    const left = (room >> 1) + (room & (arg("width", 0) as number) & 1);
    return " ".repeat(left) + self + " ".repeat(room - left);
  },
  format: (self, _arg, all, named) => {
    let next = 0;
    return self.replace(/\{\{|\}\}|\{(\w*)\}/g, (found, name: string | undefined) => {
      if (found === "{{" || found === "}}") return found[0]!;
      const value = name === "" ? all[next++] : /^\d/.test(name!) ? all[Number(name)] : named.get(name!);
      if (value === undefined) throw new TemplateFailure("IndexError", "Replacement index out of range");
      return text(value);
    });
  },
};

export function replaceText(string: string, from: string, to: string, count: number): string {
  if (count < 0) return string.split(from).join(to);
  const parts = string.split(from);
  return parts.map((part, i) => (i === 0 ? part : (i <= count ? to : from) + part)).join("");
}

const dicts: Record<string, Method<Dict>> = {
  get: (self, arg) => {
    const found = self.get(arg("key", 0));
    return found === undefined ? arg("default", 1, null) : found;
  },
  items: self => [...self].map(([key, value]) => Tuple.of(key, value)),
  keys: self => [...self.keys()],
  values: self => [...self.values()],
  copy: self => new Map(self),
};

const lists: Record<string, Method<Value[]>> = {
  count: (self, arg) => self.filter(item => equal(item, arg("value", 0))).length,
  index: (self, arg) => {
    const at = self.findIndex(item => equal(item, arg("value", 0)));
    if (at < 0) throw new TemplateFailure("ValueError", `${repr(arg("value", 0))} is not in list`);
    return at;
  },
  copy: self => [...self],
};

/** Methods that exist in Python and change their object: the sandbox that templates run in refuses them. */
const refused: Record<string, readonly string[]> = {
  dict: ["clear", "pop", "popitem", "setdefault", "update"],
  list: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"],
};

/** The method of that name, or `undefined`. */
export function methodOf(value: Value, name: string): Callable | undefined {
  const table =
    typeof value === "string" ? strings : value instanceof Map ? dicts : Array.isArray(value) ? lists : {};
  if (refused[typeName(value)]?.includes(name)) {
    return () => {
      throw new TemplateFailure(
        "SecurityError",
        `access to attribute '${name}' of '${typeName(value)}' object is unsafe.`,
      );
    };
  }
  if (!Object.hasOwn(table, name)) return undefined;
  const method = (table as Record<string, Method<never>>)[name]!;
  return (args, named) => method(value as never, argumentsOf(name, args, named), args, named);
}

/** Arguments by place or name. */
export function argumentsOf(callee: string, args: Value[], named: Map<string, Value>): Arguments {
  return (name, position, otherwise) => {
    const value = args[position] === undefined ? named.get(name) : args[position];
    if (value !== undefined) return value;
    if (otherwise !== undefined) return otherwise;
    throw typeError(`${callee}() missing required argument: '${name}'`);
  };
}
