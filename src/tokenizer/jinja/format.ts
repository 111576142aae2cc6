/** `'{:>5}'.format(x)` and `'%5s' % x`. */
import { spend, spendGrowth, spendText, TemplateFailure, typeError, valueError } from "./failure.ts";
import {
  codePoints,
  Dict,
  index,
  isFloat,
  isInt,
  isNumber,
  isText,
  numberOf,
  orElse,
  plain,
  Tuple,
  textLength,
  typeName,
  type Value,
} from "./values.ts";
import { floatText, intText, repr, shortExponent, text } from "./write.ts";

/** `size` digits after the point; halves go to the even neighbour, as in Python, where toFixed takes them up. */
export function fixed(value: number, size: number): string {
  if (!Number.isFinite(value)) return floatText(value);
  const positive = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const digits = Math.min(size, 100);
  const more = "0".repeat(size - digits);
  if (positive >= 1e21) return sign + BigInt(positive) + (size > 0 ? `.${"0".repeat(size)}` : "");
  let written = positive.toFixed(digits);
  const exact = positive.toFixed(Math.min(100, digits + 60));
  const rest = exact.slice(exact.indexOf(".") + 1 + digits);
  if (/^50*$/.test(rest)) {
    const cut = exact.slice(0, exact.length - rest.length).replace(/\.$/, "");
    if (/[02468]$/.test(cut)) written = cut;
  }
  return sign + written + more;
}

const exponential = (value: number, digits: number): string =>
  Number.isFinite(value) ? shortExponent(value.toExponential(Math.min(100, digits))) : floatText(value);

export function char(code: number): string {
  if (code >= 0 && code <= 0x10ffff) return String.fromCodePoint(code);
  throw new TemplateFailure("OverflowError", "%c arg not in range(0x110000)");
}

/** Whichever of both is shorter: `%g` */
function general(value: number, precision: number, keepZeros: boolean, less = 0): string {
  if (!Number.isFinite(value)) return floatText(value);
  const digits = Math.min(100, precision || 1);
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  const short = exponent >= -4 && exponent < digits - less;
  const written = short ? fixed(value, digits - 1 - exponent) : exponential(value, digits - 1);
  if (keepZeros || !written.includes(".")) return written;
  return written.replace(/\.?0+(?=e|$)/, "");
}

const bases: Record<string, number> = { d: 10, n: 10, x: 16, X: 16, o: 8, b: 2 };
const specPattern = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su;

/** `format(value, spec)` */
export function formatValue(value: Value, spec: string): string {
  if (spec === "") return text(value);
  const match = specPattern.exec(spec);
  if (!isText(value) && !isNumber(value)) {
    throw typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
  }
  if (!match) throw valueError("Invalid format specifier");
  const [
    ,
    given,
    side,
    sign = "-",
    negativeZero,
    alternate,
    zero,
    widthText = "0",
    grouping,
    precisionText,
    type = "",
  ] = match;
  const width = Number(widthText);
  const precision = precisionText === undefined ? null : Number(precisionText);
  spendText(width + (precision ?? 0));
  const unknown = (): TemplateFailure =>
    valueError(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
  const fill = given ?? (zero ? "0" : " ");

  if (isText(value)) {
    if (type !== "" && type !== "s") throw unknown();
    if (side === "=" || sign !== "-" || negativeZero || alternate || grouping)
      throw valueError("Not allowed in string format specifier");
    const string = plain(value);
    const cut = precision === null ? string : codePoints(string).slice(0, precision).join("");
    return pad(cut, width, fill, side ?? "<");
  }

  let digits: string;
  let prefix = "";
  if (isInt(value) && (type in bases || type === "" || type === "c")) {
    if (precision !== null) throw valueError("Precision not allowed in integer format specifier");
    const whole = typeof value === "boolean" ? Number(value) : value;
    if (type === "c") return pad(char(Number(whole)), width, fill, side ?? "<");
    digits = intText(whole, bases[type] ?? 10);
    if (alternate && "xXob".includes(type || "d")) prefix = `0${type}`;
    if (type === "X") digits = digits.toUpperCase();
  } else {
    const number = numberOf(value);
    const kind = type.toLowerCase();
    const size = precision ?? 6;
    if (kind === "f") digits = fixed(number, size);
    else if (kind === "e") digits = exponential(number, size);
    else if (kind === "g" || kind === "n") digits = general(number, size, alternate !== undefined);
    else if (type === "%") digits = `${fixed(number * 100, size)}%`;
    else if (type === "") {
      digits = precision === null ? floatText(number) : general(number, precision, false, 1);
      if (precision !== null && /^-?\d+$/.test(digits)) digits += ".0";
    } else throw unknown();
    if (/[EFG]/.test(type)) digits = digits.toUpperCase();
  }
  const negative = digits.startsWith("-");
  if (negative) digits = digits.slice(1);
  const mark = (negative ? "-" : sign === "-" ? "" : sign) + prefix;
  const numeric = side ?? (zero ? "=" : ">");
  if (grouping) {
    const size = grouping === "_" && "xXob".includes(type || "d") ? 4 : 3;
    const [, whole, rest] = /^(\w*)(.*)$/s.exec(digits) as unknown as [string, string, string];
    let padded = whole;
    if (zero && numeric === "=") {
      const room = Math.max(0, width - mark.length - rest.length);
      const groups = Math.floor(room / (size + 1));
      padded = whole.padStart(room - groups + (room % (size + 1) === 0 ? 1 : 0), "0");
    }
    const parts: string[] = [];
    for (let end = padded.length; end > 0; end -= size)
      parts.push(padded.slice(Math.max(0, end - size), end));
    digits = parts.reverse().join(grouping) + rest;
  }
  if (numeric !== "=") return pad(mark + digits, width, fill, numeric);
  return mark + pad(digits, width - mark.length, fill, ">");
}

/** To a width in characters. */
export function pad(string: string, width: number, fill: string, side: string): string {
  spendText(Math.max(0, width) + string.length);
  const room = width - textLength(string);
  if (room <= 0) return string;
  const left = side === "<" ? 0 : side === ">" ? room : room >> 1;
  return fill.repeat(left) + string + fill.repeat(room - left);
}

/** `template % values` */
export function percentFormat(template: string, values: Value): string {
  const isTuple = values instanceof Tuple;
  const list = isTuple ? values : [values];
  let next = 0;
  const take = (): Value => {
    spend(1);
    if (next < list.length) return list[next++]!;
    throw typeError("not enough arguments for format string");
  };
  const field = /%(?:\(([^)]*)\))?([-+0 #]*)(\d+|\*)?(\.(\d+|\*)?)?(?:[hlL]?([\s\S]))?/y;
  let written = "";
  let at = 0;
  // one after the other: a `%(` without end fails before the rest is looked through for it
  for (let percent = template.indexOf("%"); percent >= 0; percent = template.indexOf("%", at)) {
    field.lastIndex = percent;
    const match = field.exec(template)!;
    const [found, name, flags = "", width, point, precision, kind] = match as (string | undefined)[];
    if (kind === undefined) throw valueError("incomplete format");
    written += template.slice(at, percent);
    at = percent + found!.length;
    if (kind === "%") {
      written += "%";
      continue;
    }
    const size = (given: string | undefined): number => (given === "*" ? index(take()) : Number(given ?? 0));
    const room = size(width);
    const digits = point === undefined ? null : size(precision);
    let value: Value;
    if (name === undefined) value = take();
    else {
      if (!(values instanceof Dict)) throw typeError("format requires a mapping");
      value = orElse(values.get(name), () => missingKey(name));
    }
    const part = percentField(value, flags, room, digits, kind);
    spendGrowth(written.length, part.length);
    written += part;
  }
  written += template.slice(at);
  if (next < list.length && !(values instanceof Dict)) {
    if (isTuple || next === 0) throw typeError("not all arguments converted during string formatting");
  }
  spendText(written.length);
  return written;
}

function missingKey(name: string): never {
  throw new TemplateFailure("KeyError", repr(name));
}

function percentField(
  value: Value,
  flags: string,
  width: number,
  precision: number | null,
  kind: string,
): string {
  const left = flags.includes("-");
  if ("sra".includes(kind)) {
    const string = kind === "s" ? text(value) : repr(value);
    const cut = precision === null ? string : codePoints(string).slice(0, precision).join("");
    return pad(cut, width, " ", left ? "<" : ">");
  }
  if (kind === "c")
    return pad(isText(value) ? plain(value) : char(index(value)), width, " ", left ? "<" : ">");
  if (!"diuxXoeEfFgG".includes(kind)) throw valueError(`unsupported format character '${kind}'`);
  if (!isNumber(value)) {
    throw typeError(`%${kind} format: a real number is required, not ${typeName(value)}`);
  }
  const sign = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-";
  const align = left ? "<" : flags.includes("0") ? "0=" : ">";
  const type = "diu".includes(kind) ? "d" : kind;
  let number: Value = value;
  let after = "";
  if (type.length === 1 && "dxXo".includes(type)) {
    if (isFloat(value)) {
      if (type !== "d") throw typeError(`%${kind} format: an integer is required, not float`);
      number = truncate(numberOf(value));
    }
  } else after = `.${precision ?? 6}`;
  const alternate = flags.includes("#") ? "#" : "";
  return formatValue(number, `${align}${sign}${alternate}${width || ""}${after}${type}`);
}

/** Towards zero. */
export function truncate(value: number): Value {
  if (Number.isNaN(value)) throw valueError("cannot convert float NaN to integer");
  if (!Number.isFinite(value))
    throw new TemplateFailure("OverflowError", "cannot convert float infinity to integer");
  const whole = Math.trunc(value) + 0;
  return Number.isSafeInteger(whole) ? whole : BigInt(whole);
}

export interface Lookup {
  attribute: (value: Value, name: string) => Value;
  element: (value: Value, name: Value) => Value;
}

/** `template.format(...)` */
export function braceFormat(
  template: string,
  args: readonly Value[],
  named: { get: (name: string) => Value | undefined },
  lookup: Lookup,
): string {
  let next = 0;
  const expand = (part: string, depth: number): string => {
    let result = "";
    for (let at = 0; at < part.length; ) {
      spend(1);
      const brace = part.slice(at).search(/[{}]/);
      if (brace < 0) return result + part.slice(at);
      result += part.slice(at, at + brace);
      at += brace;
      if (part[at] === part[at + 1]) {
        result += part[at];
        at += 2;
        continue;
      }
      if (part[at] === "}") throw valueError("Single '}' encountered in format string");
      let end = at + 1;
      for (let open = 1; ; end++) {
        if (end >= part.length) throw valueError("expected '}' before end of string");
        if (part[end] === "{") open++;
        else if (part[end] === "}" && --open === 0) break;
      }
      if (depth > 1) throw valueError("Max string recursion exceeded");
      const value = field(part.slice(at + 1, end), depth);
      spendGrowth(result.length, value.length);
      result += value;
      at = end + 1;
    }
    return result;
  };
  const field = (inside: string, depth: number): string => {
    const [, path, conversion, spec = ""] =
      /^((?:\[[^\]]*\]|[^[!:])*)(?:!(.))?(?::(.*))?$/s.exec(inside) ?? [];
    if (path === undefined) throw valueError("expected ':' after conversion specifier");
    const [, first, rest] = /^([^.[]*)(.*)$/s.exec(path) as unknown as [string, string, string];
    let value: Value | undefined;
    if (first === "" || /^\d+$/.test(first)) {
      const place = first === "" ? next++ : Number(first);
      value = args[place];
      if (value === undefined) {
        throw new TemplateFailure(
          "IndexError",
          `Replacement index ${place} out of range for positional args tuple`,
        );
      }
    } else value = orElse(named.get(first), () => missingKey(first));
    for (const [, name, key] of rest.matchAll(/\.([^.[]+)|\[([^\]]*)\]/g)) {
      value =
        name !== undefined
          ? lookup.attribute(value, name)
          : lookup.element(value, /^\d+$/.test(key!) ? Number(key) : key!);
    }
    if (conversion === "r" || conversion === "a") value = repr(value);
    else if (conversion === "s") value = text(value);
    return formatValue(value, expand(spec, depth + 1));
  };
  return expand(template, 0);
}
