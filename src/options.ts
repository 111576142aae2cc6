/** What a caller gave, made safe to use: known names, plain data that can cross to the worker, values in range. */
import { InputError } from "./errors.ts";

/** What a value must be, and the same in words that follow "it must be". */
export type Rule = readonly [holds: (value: never) => boolean, text: string];

export const isText = (value: unknown): value is string => typeof value === "string";
/** An object with fields: no list, not null. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What something is kept under. */
export const nameRule: Rule = [
  (value: unknown) => isText(value) && value.trim() !== "" && value.length <= 1000,
  "a name of 1 to 1,000 characters",
];

/** Conversations and JSON Schemas nest a few levels; what nests deeper than this holds itself. */
const MAX_DEPTH = 100;
/** Misspelt letters up to which a known name is offered. */
const MAX_TYPOS = 3;

/** A value of any type as an error message shows it, short. */
export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null)
    return `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
  const text =
    typeof value === "string"
      ? JSON.stringify(value)
      : typeof value === "bigint"
        ? `${value}n`
        : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** "X is V; it must be R." */
export function refused(option: string, value: unknown, range: string): InputError {
  const given = show(value);
  return new InputError("option", `${option} is ${given}; it must be ${range}.`, {
    details: { option, value: given, range },
  });
}

/** @throws InputError `option` */
export function check(option: string, value: unknown, [holds, text]: Rule): void {
  if (!holds(value as never)) throw refused(option, value, text);
}

/** Checks the options that are there; `undefined` counts as left out. @throws InputError `option` */
export function checkAll(options: object, rules: Readonly<Record<string, Rule>>): void {
  for (const [option, rule] of Object.entries(rules)) {
    const value = (options as Record<string, unknown>)[option];
    if (value !== undefined) check(option, value, rule);
  }
}

/**
 * A caller's options, if they are an object with known names only.
 * @throws InputError `option`, which names the known option that is nearest to an unknown one
 */
export function known<T extends object>(options: T, names: readonly (keyof T & string)[]): T {
  if (!isObject(options)) throw refused("options", options, "an object");
  const unknown = Object.keys(options).find(name => !(names as readonly string[]).includes(name));
  if (unknown === undefined) return options;
  const near = nearest(unknown, names);
  throw new InputError(
    "option",
    `There is no option ${show(unknown)}${near ? `; did you mean ${near}?` : "."} Known here: ${names.join(", ")}.`,
    { details: { option: unknown, known: names } },
  );
}

function nearest(name: string, names: readonly string[]): string | undefined {
  const bare = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, "");
  const wanted = bare(name);
  const [best] = names
    .map(candidate => ({ candidate, typos: distance(wanted, bare(candidate)) }))
    .sort((a, b) => a.typos - b.typos);
  return best && best.typos <= Math.min(MAX_TYPOS, wanted.length / 2) ? best.candidate : undefined;
}

/** Letters to insert, delete or replace (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === b[j] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

/**
 * A copy that can cross to the worker, of what reactive frameworks wrap in proxies too: lists, sets and typed arrays become
 * arrays, other objects their own fields, and what knows `toJSON` what that gives.
 * @throws InputError `option` for functions, symbols, BigInts and circles
 */
export function plain<T>(value: T, name: string, depth = 0): T {
  return copy(value, name, depth) as T;
}

function copy(value: unknown, name: string, depth: number): unknown {
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint")
    throw refused(name, value, "plain data");
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) throw refused(name, value, "plain data without circles");
  if ("toJSON" in value && typeof value.toJSON === "function") return copy(value.toJSON(), name, depth + 1);
  if (Array.isArray(value) || value instanceof Set || ArrayBuffer.isView(value)) {
    return Array.from(value as Iterable<unknown>, (item, index) =>
      typeof item === "number" ? item : copy(item, `${name}[${index}]`, depth + 1),
    );
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, copy(field, `${name}.${key}`, depth + 1)]));
}
