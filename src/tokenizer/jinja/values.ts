/**
 * The values of a template and how Python writes, compares and counts them: `True`, `None`, `{'a': 1.0}`. Strings,
 * booleans, `null` and lists are JavaScript's own; a number is an `int` if it is whole, unless wrapped in `Float`.
 */

/** A name, attribute or element that is not there. Empty as text, false, an empty list; anything else fails. */
export class Undefined {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** A whole number that Python holds as `float`: `2.0`. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class Tuple extends Array<Value> {}

/** What `groupby` gives: `grouper` and `list`. */
export class Group extends Tuple {}

/** `namespace()`, and the `loop` variable: attributes only. */
export class Attributes {
  readonly fields: Map<string, Value>;
  constructor(fields: Map<string, Value> = new Map()) {
    this.fields = fields;
  }
}

export type Callable = (args: Value[], named: Map<string, Value>) => Value;
export type Dict = Map<Value, Value>;
export type Value =
  | null
  | boolean
  | number
  | string
  | Float
  | Value[]
  | Dict
  | Attributes
  | Callable
  | Undefined;

/** A failure of the template, under the name of Python's exception. */
export class TemplateFailure extends Error {
  override name: string;
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export const typeError = (message: string): TemplateFailure => new TemplateFailure("TypeError", message);
export const undefinedError = (missing: Undefined): TemplateFailure =>
  new TemplateFailure("UndefinedError", missing.message);

/** Plain data of JavaScript as values. */
export function fromJs(data: unknown): Value {
  if (data === undefined || data === null) return null;
  if (typeof data === "boolean" || typeof data === "number" || typeof data === "string") return data;
  if (typeof data === "bigint") return Number(data);
  if (Array.isArray(data)) return data.map(fromJs);
  if (typeof data === "object") {
    const entries = Object.entries(data).filter(([, item]) => item !== undefined);
    return new Map(entries.map(([key, item]) => [key, fromJs(item)]));
  }
  throw typeError(`a ${typeof data} cannot be given to a template`);
}

export const isNumber = (value: Value): value is number | Float | boolean =>
  typeof value === "number" || typeof value === "boolean" || value instanceof Float;
export const isFloat = (value: Value): boolean =>
  value instanceof Float || (typeof value === "number" && !Number.isInteger(value));
export const isDict = (value: Value): value is Dict => value instanceof Map;
export const numberOf = (value: number | Float | boolean): number =>
  value instanceof Float ? value.value : Number(value);
export const makeFloat = (value: number): Value => (Number.isInteger(value) ? new Float(value) : value);

export function truth(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (isNumber(value)) return numberOf(value) !== 0;
  if (typeof value === "string") return value !== "";
  if (Array.isArray(value)) return value.length > 0;
  if (isDict(value)) return value.size > 0;
  return true;
}

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (value instanceof Undefined) return "Undefined";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (isFloat(value)) return "float";
  if (typeof value === "number") return "int";
  if (value instanceof Tuple) return "tuple";
  if (Array.isArray(value)) return "list";
  if (isDict(value)) return "dict";
  return value instanceof Attributes ? "Namespace" : "function";
}

/** `str(value)` */
export function text(value: Value): string {
  if (typeof value === "string") return value;
  return value instanceof Undefined ? "" : repr(value);
}

/** `repr(value)` */
export function repr(value: Value): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return quote(value);
  if (isNumber(value)) return isFloat(value) ? floatText(numberOf(value)) : intText(numberOf(value));
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Tuple) return `(${value.map(repr).join(", ")}${value.length === 1 ? "," : ""})`;
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (isDict(value)) return `{${[...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(", ")}}`;
  if (value instanceof Attributes) return `<Namespace ${repr(value.fields)}>`;
  return "<function>";
}

const intText = (value: number): string =>
  Number.isSafeInteger(value) ? String(value) : String(BigInt(value));

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [digits, exponent] = value.toExponential().split("e") as [string, string];
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function quote(string: string): string {
  const mark = string.includes("'") && !string.includes('"') ? '"' : "'";
  const short: Record<string, string> = {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\\": "\\\\",
    [mark]: `\\${mark}`,
  };
  const escaped = Array.from(string, char => {
    if (short[char] !== undefined) return short[char];
    const code = char.codePointAt(0)!;
    if (char === " " || !/[\p{C}\p{Z}]/u.test(char)) return char;
    const [letter, width] = code < 0x100 ? ["x", 2] : code < 0x1_0000 ? ["u", 4] : ["U", 8];
    return `\\${letter}${code.toString(16).padStart(width as number, "0")}`;
  });
  return mark + escaped.join("") + mark;
}

/** `a == b` */
export function equal(a: Value, b: Value): boolean {
  if (a instanceof Undefined || b instanceof Undefined)
    return a instanceof Undefined && b instanceof Undefined;
  if (isNumber(a) && isNumber(b)) return numberOf(a) === numberOf(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length || a instanceof Tuple !== b instanceof Tuple) return false;
    return a.every((item, i) => equal(item, b[i]!));
  }
  if (isDict(a) && isDict(b)) {
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)!));
  }
  return a === b;
}

/** Negative, 0 or positive, as `a` sorts before, with or after `b`. */
export function compare(a: Value, b: Value, operator = "<"): number {
  if (isNumber(a) && isNumber(b)) return numberOf(a) - numberOf(b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < a.length && i < b.length; i++) {
      if (!equal(a[i]!, b[i]!)) return compare(a[i]!, b[i]!, operator);
    }
    return a.length - b.length;
  }
  for (const value of [a, b]) if (value instanceof Undefined) throw undefinedError(value);
  throw typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** By code point, as Python does, not by UTF-16 unit. */
function compareText(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The items of what `for` may go through. */
export function items(value: Value): Value[] {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return [...value];
  if (isDict(value)) return [...value.keys()];
  if (value instanceof Undefined) return [];
  throw typeError(`'${typeName(value)}' object is not iterable`);
}

export function contains(container: Value, item: Value): boolean {
  if (typeof container === "string") {
    if (typeof item === "string") return container.includes(item);
    throw typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (isDict(container)) return container.has(item instanceof Float ? item.value : item);
  if (!Array.isArray(container) && !(container instanceof Undefined)) {
    throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  }
  return items(container).some(other => equal(other, item));
}

export interface JsonOptions {
  indent: string | null;
  ensureAscii: boolean;
  sortKeys: boolean;
  /** Between items, and between key and value; `null` = Python's. */
  separators: readonly [string, string] | null;
}

/** `json.dumps(value)` */
export function json(value: Value, options: JsonOptions, before = "\n"): string {
  const { indent, ensureAscii, sortKeys, separators } = options;
  const [comma, colon] = separators ?? [indent === null ? ", " : ",", ": "];
  const inner = before + (indent ?? "");
  const join = (parts: string[], open: string, close: string): string => {
    if (parts.length === 0) return open + close;
    return indent === null
      ? open + parts.join(comma) + close
      : open + inner + parts.join(comma + inner) + before + close;
  };
  const string = (given: string): string => {
    const written = JSON.stringify(given);
    if (!ensureAscii) return written;
    return written.replace(/[^\0-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  };
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return string(value);
  if (isNumber(value)) {
    const number = numberOf(value);
    if (Number.isNaN(number)) return "NaN";
    return Number.isFinite(number) ? repr(value) : number > 0 ? "Infinity" : "-Infinity";
  }
  if (Array.isArray(value))
    return join(
      value.map(item => json(item, options, inner)),
      "[",
      "]",
    );
  if (isDict(value)) {
    let entries = [...value];
    if (sortKeys) entries = entries.sort(([a], [b]) => compare(a, b));
    const keyText = (key: Value): string => (typeof key === "string" ? key : json(key, options));
    return join(
      entries.map(([key, item]) => string(keyText(key)) + colon + json(item, options, inner)),
      "{",
      "}",
    );
  }
  throw typeError(`Object of type ${typeName(value)} is not JSON serializable`);
}
