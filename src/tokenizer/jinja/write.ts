/** How Python writes values: `True`, `None`, `{'a': 1.0}`, and as JSON. */

import { compare } from "./compare.ts";
import { spend, spendGrowth, spendText, typeError, valueError } from "./failure.ts";
import {
  Dict,
  isFloat,
  isList,
  isNumber,
  isText,
  Markup,
  numberOf,
  plain,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.ts";

/** `str(value)` */
export function text(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.value;
  return value instanceof Undefined ? "" : repr(value);
}

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};

/** For HTML, unless it is so already. */
export function escapeText(value: Value): string {
  if (value instanceof Markup) return value.value;
  const given = text(value);
  spend(given.length / 8);
  return given.replace(/[&<>'"]/g, char => entities[char]!);
}

/** Texts behind one another. */
export function appended(parts: readonly string[]): string {
  let whole = "";
  for (const part of parts) {
    spendGrowth(whole.length, part.length);
    whole += part;
  }
  return whole;
}

/** Texts put together, `glue` between them. */
export function joined(parts: readonly string[], glue = ""): string {
  let length = glue.length * Math.max(0, parts.length - 1);
  for (const part of parts) length += part.length;
  spendText(length);
  return parts.join(glue);
}

/** `repr(value)`; dicts in the order of their keys where `sorted`, as `pprint` does. */
export function repr(value: Value, sorted = false): string {
  spend(1);
  const all = (list: Value[]): string =>
    joined(
      Array.from(list, item => repr(item, sorted)),
      ", ",
    );
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return quote(value);
  if (value instanceof Markup) return `Markup(${quote(value.value)})`;
  if (isNumber(value)) return isFloat(value) ? floatText(numberOf(value)) : intText(value as number | bigint);
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Tuple) return `(${all(value)}${value.length === 1 ? "," : ""})`;
  if (value instanceof Range) {
    const [start, stop, step] = value.bounds;
    return `range(${start}, ${stop}${step === 1 ? "" : `, ${step}`})`;
  }
  if (isList(value)) return `[${all(value)}]`;
  if (value instanceof Dict) {
    const entries = value.entries();
    if (sorted) entries.sort(([a], [b]) => compare(a, b));
    return `{${joined(
      entries.map(([key, item]) => `${repr(key, sorted)}: ${repr(item, sorted)}`),
      ", ",
    )}}`;
  }
  if (value instanceof View) return `${value.type}([${all(value.items())}])`;
  return "written" in value ? value.written() : `<${value.type} object>`;
}

/** Python writes no whole number of more digits, since that takes long. */
const MAX_DIGITS = 4300;

export function intText(value: number | bigint, base = 10): string {
  if (typeof value === "number") return value.toString(base);
  const written = value.toString(base);
  spend((written.length / 64) ** 2);
  if (base === 10 && written.length > MAX_DIGITS + 1) {
    throw valueError(`Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion`);
  }
  return written;
}

export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) return shortExponent(value.toExponential());
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** `1e+7` as Python writes it, `1e+07`. */
export function shortExponent(written: string): string {
  return written.replace(/e([+-])(\d)$/, "e$10$2");
}

function quote(string: string): string {
  spend(string.length / 8);
  const mark = string.includes("'") && !string.includes('"') ? '"' : "'";
  const short: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const escaped = string.replace(/[^ !#-&(-[\]-~]/gu, char => {
    if (char === "\\" || char === mark) return `\\${char}`;
    if (short[char] !== undefined) return short[char];
    if (!/[\p{C}\p{Z}]/u.test(char)) return char;
    const code = char.codePointAt(0)!;
    const [letter, width] = code < 0x100 ? ["x", 2] : code < 0x1_0000 ? ["u", 4] : ["U", 8];
    return `\\${letter}${code.toString(16).padStart(width as number, "0")}`;
  });
  return mark + escaped + mark;
}

export interface JsonOptions {
  indent: string | null;
  ensureAscii: boolean;
  sortKeys: boolean;
  /** Between items, and between key and value. */
  separators: readonly [string, string];
}

/** `json.dumps(value)` */
export function json(value: Value, options: JsonOptions, before = "\n"): string {
  spend(1);
  const { indent, ensureAscii, sortKeys, separators } = options;
  const [comma, colon] = separators;
  const inner = before + (indent ?? "");
  const list = (parts: string[], open: string, close: string): string => {
    if (parts.length === 0) return open + close;
    return indent === null
      ? open + joined(parts, comma) + close
      : open + inner + joined(parts, comma + inner) + before + close;
  };
  const string = (given: string): string => {
    spendText(given.length);
    const written = JSON.stringify(given);
    if (!ensureAscii) return written;
    return written.replace(/[^\0-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  };
  if (value === null || typeof value === "boolean") return String(value);
  if (isText(value)) return string(plain(value));
  if (isNumber(value)) {
    const number = numberOf(value);
    if (!isFloat(value) || Number.isFinite(number)) return repr(value);
    return Number.isNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
  }
  if (isList(value) && !(value instanceof Range))
    return list(
      Array.from(value, item => json(item, options, inner)),
      "[",
      "]",
    );
  if (value instanceof Dict) {
    const entries = value.entries();
    if (sortKeys) entries.sort(([a], [b]) => compare(a, b));
    const keyText = (key: Value): string => {
      if (isText(key)) return plain(key);
      if (key === null || isNumber(key)) return json(key, options);
      throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
    };
    return list(
      entries.map(([key, item]) => string(keyText(key)) + colon + json(item, options, inner)),
      "{",
      "}",
    );
  }
  throw typeError(`Object of type ${typeName(value)} is not JSON serializable`);
}
