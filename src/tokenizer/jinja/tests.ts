/** What stands after `is`: `x is defined`, `n is divisibleby 2`. */
import type { Native } from "./arguments.ts";
import { compare, contains, equal } from "./compare.ts";
import { binary } from "./numbers.ts";
import {
  Dict,
  Float,
  isFloat,
  isInt,
  isList,
  isNumber,
  isText,
  Lazy,
  Markup,
  Thing,
  Undefined,
  type Value,
  View,
} from "./values.ts";
import { text } from "./write.ts";

type Test = Native<Value>;

const is = (run: (value: Value) => boolean): Test => ["", run];
const iterable = (value: Value): boolean =>
  isText(value) || isList(value) || value instanceof Dict || value instanceof Undefined;
const remainder = (value: Value, by: Value, wanted: number): boolean => equal(binary("%", value, by), wanted);

const eq: Test = ["b", (a, b) => equal(a, b)];
const ne: Test = ["b", (a, b) => !equal(a, b)];
const lt: Test = ["b", (a, b) => compare(a, b, "<") < 0];
const le: Test = ["b", (a, b) => compare(a, b, "<=") <= 0];
const gt: Test = ["b", (a, b) => compare(a, b, ">") > 0];
const ge: Test = ["b", (a, b) => compare(a, b, ">=") >= 0];

export const tests: Record<string, Test> = {
  boolean: is(value => typeof value === "boolean"),
  callable: is(value => value instanceof Undefined || (value instanceof Thing && value.call !== null)),
  defined: is(value => !(value instanceof Undefined)),
  undefined: is(value => value instanceof Undefined),
  none: is(value => value === null),
  true: is(value => value === true),
  false: is(value => value === false),
  string: is(isText),
  number: is(isNumber),
  integer: is(value => isInt(value) && typeof value !== "boolean"),
  float: is(isFloat),
  mapping: is(value => value instanceof Dict),
  sequence: is(iterable),
  iterable: is(value => iterable(value) || value instanceof Lazy || value instanceof View),
  escaped: is(value => value instanceof Markup),
  lower: is(value => text(value) !== text(value).toUpperCase() && text(value) === text(value).toLowerCase()),
  upper: is(value => text(value) !== text(value).toLowerCase() && text(value) === text(value).toUpperCase()),
  odd: is(value => remainder(value, 2, 1)),
  even: is(value => remainder(value, 2, 0)),
  divisibleby: ["num", (value, by) => remainder(value, by, 0)],
  sameas: ["other", (a, b) => (a instanceof Float && b instanceof Float ? a === b : Object.is(a, b))],
  in: ["seq", (value, container) => contains(container, value)],
  eq,
  equalto: eq,
  "==": eq,
  ne,
  "!=": ne,
  lt,
  lessthan: lt,
  "<": lt,
  le,
  "<=": le,
  gt,
  greaterthan: gt,
  ">": gt,
  ge,
  ">=": ge,
};
