/** `==`, `<` and `in`, as Python has them. */
import { spend, spendText, typeError } from "./failure.ts";
import {
  Dict,
  Float,
  isList,
  isNumber,
  isText,
  items,
  Lazy,
  needDefined,
  numberOf,
  plain,
  Range,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.ts";

/** `a == b` */
export function equal(a: Value, b: Value): boolean {
  spend(1);
  if (isText(a) && isText(b)) {
    if (plain(a).length !== plain(b).length) return false;
    spend(plain(a).length / 16);
    return plain(a) === plain(b);
  }
  if (a instanceof Undefined || b instanceof Undefined)
    return a instanceof Undefined && b instanceof Undefined;
  if (isNumber(a) && isNumber(b)) return difference(a, b) === 0;
  if (isList(a) && isList(b)) {
    if (a.length !== b.length || typeName(a) !== typeName(b)) return false;
    return a.every((item, i) => item === b[i] || equal(item, b[i]!));
  }
  if (a instanceof Dict && b instanceof Dict) {
    if (a.size !== b.size) return false;
    return a.entries().every(([key, item]) => {
      const other = b.get(key);
      return other !== undefined && equal(item, other);
    });
  }
  if (a instanceof View && b instanceof View && a.type === b.type) {
    const other = b.items();
    return a.items().length === other.length && a.items().every(item => contains(other, item));
  }
  return a === b;
}

type Numeric = number | bigint | Float | boolean;

/** Its sign is that of `a - b`; NaN where one is NaN. A bigint is compared exactly. */
function difference(a: Numeric, b: Numeric): number {
  if (typeof a !== "bigint" && typeof b !== "bigint") {
    const [left, right] = [numberOf(a), numberOf(b)];
    return left === right ? 0 : left - right;
  }
  const [left, right] = [a, b].map(value => (value instanceof Float ? value.value : value)) as [
    bigint,
    bigint,
  ];
  return left < right ? -1 : left > right ? 1 : left === right ? 0 : Number.NaN;
}

/** Negative, 0 or positive, as `a` sorts before, with or after `b`. */
export function compare(a: Value, b: Value, operator = "<"): number {
  spend(1);
  if (isNumber(a) && isNumber(b)) return difference(a, b);
  if (isText(a) && isText(b)) return compareText(plain(a), plain(b));
  if (isList(a) && isList(b) && typeName(a) === typeName(b) && !(a instanceof Range)) {
    for (let i = 0; i < a.length && i < b.length; i++) {
      if (!equal(a[i]!, b[i]!)) return compare(a[i]!, b[i]!, operator);
    }
    return a.length - b.length;
  }
  needDefined(a, b);
  throw typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** By code point, as Python does, not by UTF-16 unit. */
function compareText(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let i = 0;
  while (i < shorter && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  spend(i / 8);
  if (i === shorter) return a.length - b.length;
  // halves of surrogate pairs stand for more than any unit above them
  const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);
  return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
}

/** `item in container` */
export function contains(container: Value, item: Value): boolean {
  if (isText(container)) {
    const string = plain(container);
    spendText(string.length);
    if (isText(item)) return string.includes(plain(item));
    throw typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (container instanceof Dict) return container.has(item);
  const iterable =
    isList(container) ||
    container instanceof Undefined ||
    container instanceof View ||
    container instanceof Lazy;
  if (!iterable) throw typeError(`argument of type '${typeName(container)}' is not iterable`);
  return items(container).some(other => other === item || equal(other, item));
}
