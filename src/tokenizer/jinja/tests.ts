/** What stands after `is`: `x is defined`, `n is divisibleby 2`. */
import {
  Attributes,
  compare,
  contains,
  equal,
  Float,
  isDict,
  isFloat,
  isNumber,
  numberOf,
  TemplateFailure,
  typeError,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

type Test = (value: Value, args: Value[]) => boolean;

const remainder = (value: Value, divisor: Value): number => {
  if (value instanceof Undefined) throw undefinedError(value);
  if (!isNumber(value) || !isNumber(divisor)) {
    throw typeError(`unsupported operand type(s) for %: '${typeName(value)}' and '${typeName(divisor)}'`);
  }
  return numberOf(value) % numberOf(divisor);
};
const other = (args: Value[]): Value => {
  if (args.length > 0) return args[0]!;
  throw typeError("the test is missing its argument");
};
const isInteger = (value: Value): boolean => typeof value === "number" && !isFloat(value);
const string = (value: Value): string => (typeof value === "string" ? value : "");

const tests: Record<string, Test> = {
  boolean: value => typeof value === "boolean",
  callable: value => typeof value === "function",
  defined: value => !(value instanceof Undefined),
  undefined: value => value instanceof Undefined,
  none: value => value === null,
  true: value => value === true,
  false: value => value === false,
  string: value => typeof value === "string",
  number: isNumber,
  integer: isInteger,
  float: isFloat,
  mapping: isDict,
  sequence: value =>
    typeof value === "string" || Array.isArray(value) || isDict(value) || value instanceof Undefined,
  iterable: value =>
    typeof value === "string" || Array.isArray(value) || isDict(value) || value instanceof Undefined,
  escaped: () => false,
  lower: value =>
    string(value) !== string(value).toUpperCase() && string(value) === string(value).toLowerCase(),
  upper: value =>
    string(value) !== string(value).toLowerCase() && string(value) === string(value).toUpperCase(),
  odd: value => Math.abs(remainder(value, 2)) === 1,
  even: value => remainder(value, 2) === 0,
  divisibleby: (value, args) => remainder(value, other(args)) === 0,
  sameas: (value, args) =>
    value instanceof Float || other(args) instanceof Float ? false : Object.is(value, other(args)),
  eq: (value, args) => equal(value, other(args)),
  ne: (value, args) => !equal(value, other(args)),
  lt: (value, args) => compare(value, other(args), "<") < 0,
  le: (value, args) => compare(value, other(args), "<=") <= 0,
  gt: (value, args) => compare(value, other(args), ">") > 0,
  ge: (value, args) => compare(value, other(args), ">=") >= 0,
  in: (value, args) => contains(other(args), value),
};
const otherNames: Record<string, string> = {
  equalto: "eq",
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  lessthan: "lt",
  "<=": "le",
  ">": "gt",
  greaterthan: "gt",
  ">=": "ge",
};

export function runTest(name: string, value: Value, args: Value[]): boolean {
  const known = otherNames[name] ?? name;
  if (!Object.hasOwn(tests, known))
    throw new TemplateFailure("TemplateAssertionError", `No test named '${name}'.`);
  if (value instanceof Attributes && known === "mapping") return false;
  return tests[known]!(value, args);
}
