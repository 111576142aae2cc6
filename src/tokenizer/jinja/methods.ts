/** What Python's values can do, as far as templates may: nothing that changes a value. */
import { bind, entryOf, type Native } from "./arguments.ts";
import { equal } from "./compare.ts";
import { spendText, valueError } from "./failure.ts";
import { strings } from "./strings.ts";
import {
  Dict,
  isFloat,
  isList,
  isNumber,
  isText,
  items,
  Markup,
  makeFloat,
  method,
  numberOf,
  orElse,
  plain,
  Range,
  Thing,
  Tuple,
  tuple,
  Undefined,
  type Value,
  View,
} from "./values.ts";
import { escapeText, intText, repr } from "./write.ts";

const pairs = (self: Dict): Value[] => self.entries().map(([key, value]) => tuple(key, value));
const values = (self: Dict): Value[] => self.entries().map(([, value]) => value);

const dicts: Record<string, Native<Dict>> = {
  get: ["key default?", (self, key, otherwise = null) => orElse(self.get(key), () => otherwise)],
  items: ["", self => new View("dict_items", () => pairs(self))],
  keys: ["", self => new View("dict_keys", () => self.keys())],
  values: ["", self => new View("dict_values", () => values(self))],
  copy: ["", self => new Dict(self.entries())],
  fromkeys: [
    "iterable value?",
    (_self, keys, value = null) => new Dict(Array.from(items(keys), key => [key, value])),
  ],
};

const lists: Record<string, Native<Value[]>> = {
  count: ["value", (self, value) => items(self).filter(item => equal(item, value)).length],
  index: [
    "value start? stop?",
    (self, value, start = 0, stop = self.length) => {
      const from = start as number;
      const list = items(self);
      const at = list.findIndex(
        (item, i) =>
          i >= (from < 0 ? from + list.length : from) && i < (stop as number) && equal(item, value),
      );
      if (at < 0) throw valueError(`${repr(value)} is not in list`);
      return at;
    },
  ],
  copy: ["", self => [...items(self)]],
};

type Numeric = number | bigint | boolean | Parameters<typeof numberOf>[0];
const numbers: Record<string, Native<Numeric>> = {
  bit_length: [
    "",
    self => (Number(self) === 0 ? 0 : intText(BigInt(numberOf(self)), 2).replace("-", "").length),
  ],
  is_integer: ["", self => Number.isInteger(numberOf(self))],
  conjugate: ["", self => self],
};
const numberFields: Record<string, (self: Numeric) => Value> = {
  real: self => (typeof self === "boolean" ? Number(self) : self),
  imag: self => (isFloat(self) ? makeFloat(0) : 0),
  numerator: self => (typeof self === "boolean" ? Number(self) : self),
  denominator: () => 1,
};

/** Methods that exist in Python and change their object: the sandbox that templates run in refuses them. */
const refused = {
  dict: ["clear", "pop", "popitem", "setdefault", "update"],
  list: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"],
};

function bound<S>(name: string, table: Readonly<Record<string, Native<S>>>, self: S): Thing | undefined {
  const native = entryOf(table, name);
  return native && method((args, named) => native[1](self, ...bind(name, native[0], args, named)));
}

/** Methods of `safe` text give such text again, and escape what they are given. */
function ofMarkup(self: Markup, name: string): Thing | undefined {
  const native = bound(name, strings, self.value);
  const wrap = (value: Value): Value =>
    typeof value === "string"
      ? new Markup(value)
      : isList(value)
        ? value instanceof Tuple
          ? tuple(...value.map(wrap))
          : value.map(wrap)
        : value;
  const safe = (value: Value): Value =>
    isText(value) ? escapeText(value) : isList(value) ? value.map(safe) : value;
  const escapes = name === "join" || name === "replace";
  return native && method((args, named) => wrap(native.call!(escapes ? args.map(safe) : args, named)));
}

/** The method or attribute of that name, or `undefined`. */
export function memberOf(value: Value, name: string): Value | undefined {
  if (value instanceof Thing) return value.get(name);
  const kind = value instanceof Dict ? "dict" : isList(value) && !(value instanceof Tuple) ? "list" : "";
  if (name.startsWith("__") || (kind !== "" && !(value instanceof Range) && refused[kind].includes(name))) {
    const type = value instanceof Dict ? "dict" : isList(value) ? "list" : isText(value) ? "str" : "object";
    const known =
      !name.startsWith("__") || /^__(class|init|doc|len|eq|str|repr|dict|getattribute)__$/.test(name);
    if (!known) return undefined;
    return new Undefined(`access to attribute '${name}' of '${type}' object is unsafe.`, "SecurityError");
  }
  if (isText(value)) {
    spendText(plain(value).length);
    return value instanceof Markup ? ofMarkup(value, name) : bound(name, strings, value);
  }
  if (value instanceof Dict) return bound(name, dicts, value);
  if (value instanceof Range && name !== "copy") {
    const at = ["start", "stop", "step"].indexOf(name);
    return at < 0 ? bound(name, lists, value) : value.bounds[at];
  }
  if (isList(value)) return value instanceof Tuple && name === "copy" ? undefined : bound(name, lists, value);
  if (isNumber(value)) {
    if (isFloat(value) && (name === "bit_length" || name.endsWith("ator"))) return undefined;
    return entryOf(numberFields, name)?.(value) ?? bound(name, numbers, value);
  }
  return undefined;
}
