/** Arithmetic as in Python: whole numbers of any size, division that rounds down, `float` that stays `float`. */
import { spendBits, spendList, spendText, TemplateFailure, typeError } from "./failure.ts";
import { percentFormat } from "./format.ts";
import {
  index,
  isFloat,
  isInt,
  isList,
  isNumber,
  isText,
  Markup,
  makeFloat,
  makeInt,
  needDefined,
  numberOf,
  plain,
  Range,
  Tuple,
  typeName,
  type Value,
} from "./values.ts";
import { appended, escapeText, text } from "./write.ts";

export function unary(operator: string, value: Value): Value {
  needDefined(value);
  if (!isNumber(value)) throw typeError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  if (isFloat(value)) return makeFloat(operator === "-" ? -numberOf(value) : numberOf(value));
  if (typeof value === "bigint") return makeInt(operator === "-" ? -value : value);
  return operator === "-" ? 0 - Number(value) : Number(value);
}

export function binary(operator: string, a: Value, b: Value): Value {
  needDefined(a, b);
  if (isNumber(a) && isNumber(b)) {
    return isFloat(a) || isFloat(b)
      ? floats(operator, numberOf(a), numberOf(b))
      : ints(operator, a as number | bigint | boolean, b as number | bigint | boolean);
  }
  if (operator === "+") {
    if (isText(a) && isText(b)) return concat(a, b);
    if (isList(a) && isList(b) && typeName(a) === typeName(b) && !(a instanceof Range)) {
      spendList(a.length + b.length);
      return a.concat(b);
    }
    if (isText(a)) throw typeError(`can only concatenate str (not "${typeName(b)}") to str`);
    if (isList(a) && !(a instanceof Range)) {
      const kind = typeName(a);
      throw typeError(`can only concatenate ${kind} (not "${typeName(b)}") to ${kind}`);
    }
  }
  if (operator === "%" && isText(a)) {
    if (typeof a === "string") return percentFormat(a, b);
    return new Markup(percentFormat(a.value, isText(b) ? escapeText(b) : b));
  }
  if (operator === "*" && (isInt(a) || isInt(b))) {
    const [list, times] = isInt(a) ? [b, a] : [a, b];
    if (isText(list) || (isList(list) && !(list instanceof Range)))
      return repeat(list, Math.max(0, index(times)));
  }
  throw typeError(
    `unsupported operand type(s) for ${operator === "**" ? "** or pow()" : operator}: '${typeName(a)}' and '${typeName(b)}'`,
  );
}

/** Text after text: what is `safe` escapes what is not. */
export function concat(a: string | Markup, b: string | Markup): Value {
  const safe = a instanceof Markup || b instanceof Markup;
  const [left, right] = safe ? [escapeText(a), escapeText(b)] : [text(a), text(b)];
  const whole = appended([left, right]);
  return safe ? new Markup(whole) : whole;
}

function repeat(value: string | Markup | Value[], times: number): Value {
  if (isText(value)) {
    const string = plain(value);
    spendText(string.length * times);
    const repeated = string === "" ? "" : string.repeat(times);
    return value instanceof Markup ? new Markup(repeated) : repeated;
  }
  spendList(value.length * times);
  const list: Value[] = value instanceof Tuple ? new Tuple() : [];
  if (value.length > 0) for (let i = 0; i < times; i++) for (const item of value) list.push(item);
  return list;
}

const divisionByZero = (message = "division by zero"): TemplateFailure =>
  new TemplateFailure("ZeroDivisionError", message);
const overflow = (message: string): TemplateFailure => new TemplateFailure("OverflowError", message);

function floats(operator: string, a: number, b: number): Value {
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) throw divisionByZero();
  switch (operator) {
    case "+":
      return makeFloat(a + b);
    case "-":
      return makeFloat(a - b);
    case "*":
      return makeFloat(a * b);
    case "/":
      return makeFloat(a / b);
    case "//":
      return makeFloat(Math.floor(a / b));
    case "%": {
      const rest = a % b;
      return makeFloat(rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest === 0 ? 0 * b : rest);
    }
    default: {
      if (a === 0 && b < 0) throw divisionByZero("0.0 cannot be raised to a negative power");
      const power = Math.abs(a) === 1 || b === 0 ? a ** (b === Infinity || b === -Infinity ? 0 : b) : a ** b;
      if (!Number.isFinite(power) && Number.isFinite(a) && Number.isFinite(b) && !Number.isNaN(power))
        throw overflow("(34, 'Numerical result out of range')");
      return makeFloat(power);
    }
  }
}

type Int = number | bigint | boolean;
const bits = (value: bigint): number => value.toString(16).length * 4;

function ints(operator: string, a: Int, b: Int): Value {
  if (Number(b) === 0 && (operator === "/" || operator === "//" || operator === "%")) throw divisionByZero();
  if (operator === "/") {
    const quotient = Number(a) / Number(b);
    if (!Number.isFinite(quotient)) throw overflow("integer division result too large for a float");
    return makeFloat(quotient);
  }
  if (operator === "**" && Number(b) < 0) return floats("**", Number(a), Number(b));
  if (typeof a !== "bigint" && typeof b !== "bigint") {
    const result = small(operator, Number(a), Number(b));
    if (Number.isSafeInteger(result)) return result + 0;
  }
  return makeInt(large(operator, BigInt(a), BigInt(b)));
}

function small(operator: string, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "**":
      return a ** b;
    default: {
      const remainder = a % b;
      const rest = remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder;
      return operator === "%" ? rest : Math.round((a - rest) / b);
    }
  }
}

function large(operator: string, a: bigint, b: bigint): bigint {
  if (operator === "**") {
    spendBits(a === 0n || a === 1n || a === -1n ? 1 : bits(a) * Number(b));
    return a ** b;
  }
  spendBits(operator === "*" ? bits(a) + bits(b) : Math.max(bits(a), bits(b)) + 1);
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return a * b;
  const remainder = a % b;
  const rest = remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
  return operator === "%" ? rest : (a - rest) / b;
}
