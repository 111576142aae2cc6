/**
 * The values of a template. Strings, booleans, `null` and lists are JavaScript's own; a number is an `int` if it is
 * whole, unless wrapped in `Float`; an `int` beyond 2^53 is a bigint.
 */
import { spend, spendText, TemplateFailure, typeError } from "./failure.ts";

/** A name, attribute or element that is not there. Empty as text, false, an empty list; anything else fails. */
export class Undefined {
  readonly message: string;
  readonly error: string;
  constructor(message: string, error = "UndefinedError") {
    this.message = message;
    this.error = error;
  }
}

/** A whole number that Python holds as `float`: `2.0`. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Text that `escape` leaves alone. */
export class Markup {
  readonly value: string;
  constructor(value: string) {
    this.value = value;
  }
}

export class Tuple extends Array<Value> {}
/** What `groupby` gives: `grouper` and `list`. */
export class Group extends Tuple {}
/** `range(...)` */
export class Range extends Array<Value> {
  bounds: readonly number[] = [];
}

/** What can be gone through once: `map`, `select`, `reverse`. Computed as it is asked for, as Python does. */
export class Lazy {
  readonly iterator: Iterator<Value>;
  readonly type: string;
  constructor(iterator: Iterator<Value>, type = "generator") {
    this.iterator = iterator;
    this.type = type;
  }
}

/** `dict.keys()` and its kin. */
export class View {
  readonly type: string;
  readonly items: () => Value[];
  constructor(type: string, items: () => Value[]) {
    this.type = type;
    this.items = items;
  }
}

export type Callable = (args: Value[], named: Map<string, Value>) => Value;

/** Anything else: functions, macros, `namespace()`, `loop`. */
export class Thing {
  /** With its module, as Jinja names it: `jinja2.utils.Namespace`. */
  readonly type: string;
  readonly call: Callable | null;
  readonly get: (name: string) => Value | undefined;
  readonly written: () => string;
  constructor(type: string, parts: Partial<Pick<Thing, "call" | "get" | "written">> = {}) {
    this.type = type;
    this.call = parts.call ?? null;
    this.get = parts.get ?? (() => undefined);
    this.written = parts.written ?? (() => `<${type}>`);
  }
}

/** `namespace()` */
export class Namespace extends Thing {
  readonly fields: Dict;
  constructor(fields: Dict, written: () => string) {
    super("jinja2.utils.Namespace", { get: name => fields.get(name), written });
    this.fields = fields;
  }
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float
  | Markup
  | Value[]
  | Dict
  | Lazy
  | View
  | Thing
  | Undefined;

/** What a dict knows a key by: `1`, `1.0` and `True` are one key. */
function hash(value: Value): unknown {
  spend(0.5);
  if (typeof value === "boolean") return Number(value);
  if (value instanceof Float) return Number.isSafeInteger(value.value) ? value.value : BigInt(value.value);
  if (value instanceof Markup) return value.value;
  if (value instanceof Undefined) return Undefined;
  if (value instanceof Tuple) {
    const parts = Array.from(value, item => {
      const key = hash(item);
      return typeof key + String(key).length + String(key);
    });
    // half of a surrogate pair, which no text from a message begins with
    spendText(parts.reduce((sum, part) => sum + part.length, 0));
    return `\udfff${parts.join("")}`;
  }
  if ((Array.isArray(value) && !(value instanceof Range)) || value instanceof Dict)
    throw typeError(`unhashable type: '${typeName(value)}'`);
  return value;
}

export class Dict {
  readonly #entries = new Map<unknown, [Value, Value]>();
  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }
  get size(): number {
    return this.#entries.size;
  }
  get(key: Value): Value | undefined {
    return this.#entries.get(hash(key))?.[1];
  }
  has(key: Value): boolean {
    return this.#entries.has(hash(key));
  }
  set(key: Value, value: Value): void {
    const known = hash(key);
    const entry = this.#entries.get(known);
    if (entry) entry[1] = value;
    else this.#entries.set(known, [key, value]);
  }
  /** Key and value, in the order in which they came. */
  entries(): [Value, Value][] {
    spend(this.size / 4);
    return [...this.#entries.values()];
  }
  keys(): Value[] {
    return this.entries().map(([key]) => key);
  }
}

export function undefinedError(missing: Undefined): TemplateFailure {
  return new TemplateFailure(missing.error, missing.message);
}

/** Refuses what is not there. */
export function needDefined(...values: Value[]): void {
  for (const value of values) if (value instanceof Undefined) throw undefinedError(value);
}

/** Plain data of JavaScript as values. */
export function fromJs(data: unknown): Value {
  if (data === undefined || data === null) return null;
  if (typeof data === "boolean" || typeof data === "string") return data;
  if (typeof data === "number") {
    if (!Number.isInteger(data) || Number.isSafeInteger(data)) return data + 0;
    return Math.abs(data) < 1e21 ? BigInt(data) : new Float(data);
  }
  if (typeof data === "bigint") return makeInt(data);
  if (Array.isArray(data)) return data.map(fromJs);
  if (typeof data === "object") {
    const entries = Object.entries(data).filter(([, item]) => item !== undefined);
    return new Dict(entries.map(([key, item]) => [key, fromJs(item)]));
  }
  throw typeError(`a ${typeof data} cannot be given to a template`);
}

export const isFloat = (value: Value): boolean =>
  value instanceof Float || (typeof value === "number" && !Number.isInteger(value));
export const isInt = (value: Value): value is number | bigint | boolean =>
  typeof value === "bigint" || typeof value === "boolean" || Number.isInteger(value);
export const isNumber = (value: Value): value is number | bigint | Float | boolean =>
  typeof value === "number" ||
  typeof value === "bigint" ||
  typeof value === "boolean" ||
  value instanceof Float;
export const isText = (value: Value): value is string | Markup =>
  typeof value === "string" || value instanceof Markup;
/** Lists, tuples and ranges, but no texts. */
export const isList = (value: Value): value is Value[] => Array.isArray(value);
export const numberOf = (value: number | bigint | Float | boolean): number =>
  value instanceof Float ? value.value : Number(value);
export const makeFloat = (value: number): Value => (Number.isInteger(value) ? new Float(value) : value);
export const makeInt = (value: bigint): Value => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};
export const tuple = (...values: Value[]): Tuple => Tuple.from(values) as Tuple;
export const method = (call: Callable): Thing => new Thing("builtin_function_or_method", { call });

/** A whole number as JavaScript's, for counts and places: larger ones become ±2^53. */
export function index(value: Value): number {
  if (typeof value === "bigint") return value > 0 ? Number.MAX_SAFE_INTEGER : -Number.MAX_SAFE_INTEGER;
  needDefined(value);
  if (isInt(value)) return Number(value);
  throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

/** `null` is a value: `??` would take it for nothing. */
export const orElse = (value: Value | undefined, otherwise: () => Value): Value =>
  value === undefined ? otherwise() : value;

export function truth(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (isNumber(value)) return numberOf(value) !== 0;
  if (value instanceof View) return value.items().length > 0;
  if (isText(value) || isList(value) || value instanceof Dict) return sizeOf(value) > 0;
  return true;
}

/** Whether there is something in it, and how much; of a text the UTF-16 units. */
const sizeOf = (value: string | Markup | Value[] | Dict): number =>
  value instanceof Dict ? value.size : value instanceof Markup ? value.value.length : value.length;

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (value instanceof Undefined) return "Undefined";
  if (typeof value === "string") return "str";
  if (value instanceof Markup) return "Markup";
  if (typeof value === "boolean") return "bool";
  if (isNumber(value)) return isFloat(value) ? "float" : "int";
  if (isList(value)) return value instanceof Tuple ? "tuple" : value instanceof Range ? "range" : "list";
  return value instanceof Dict ? "dict" : value.type.slice(value.type.lastIndexOf(".") + 1);
}

const outsideBasicPlane = /[\ud800-\udbff][\udc00-\udfff]/;

/** The characters of a text as Python counts them: code points. */
export function codePoints(string: string): string[] {
  spend(string.length / 4);
  return outsideBasicPlane.test(string) ? [...string] : string.split("");
}

/** How many they are. */
export function textLength(string: string): number {
  spendText(string.length);
  if (!outsideBasicPlane.test(string)) return string.length;
  let length = 0;
  for (const _ of string) length++;
  return length;
}

/** The items of what `for` may go through. */
export function items(value: Value): Value[] {
  if (isList(value)) {
    spend(value.length / 4);
    return value;
  }
  if (isText(value)) return codePoints(plain(value));
  if (value instanceof Dict) return value.keys();
  if (value instanceof View) return value.items();
  if (value instanceof Undefined) return [];
  if (value instanceof Lazy) {
    const list: Value[] = [];
    for (let step = value.iterator.next(); !step.done; step = value.iterator.next()) {
      spend(1);
      list.push(step.value);
    }
    return list;
  }
  throw typeError(`'${typeName(value)}' object is not iterable`);
}

export const plain = (value: string | Markup): string => (typeof value === "string" ? value : value.value);
