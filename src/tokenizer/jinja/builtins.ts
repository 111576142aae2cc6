/** Filters and tests by name, and those filters that apply others: `map`, `select` and their kin. */
import { bind, entryOf, type Native } from "./arguments.ts";
import { spend, TemplateFailure } from "./failure.ts";
import { byPath, listFilters } from "./list-filters.ts";
import { tests } from "./tests.ts";
import { textFilters } from "./text-filters.ts";
import { type Dict, items, Lazy, truth, type Value } from "./values.ts";
import { text } from "./write.ts";

type Named = Map<string, Value>;

/** Items of which a test is true, or of which an attribute is: as they are asked for, as in Python. */
function choose(byAttribute: boolean, wanted: boolean): Native<Value> {
  function* chosen(value: Value, args: Value[], named: Named): Generator<Value> {
    if (!truth(value)) return;
    const [path, ...rest] = byAttribute ? args : [null, ...args];
    if (path === undefined) throw missingArgument("Missing parameter for attribute name");
    const [name, ...more] = rest;
    for (const item of items(value)) {
      spend(1);
      const seen = byAttribute ? byPath(item, path) : item;
      if ((name === undefined ? truth(seen) : runTest(text(name), seen, more, named)) === wanted) yield item;
    }
  }
  return ["*", (value, args, named) => new Lazy(chosen(value, args as Value[], names(named)))];
}

function* mapped(value: Value, args: Value[], named: Named): Generator<Value> {
  if (!truth(value)) return;
  const path = named.get("attribute");
  const [name, ...rest] = args;
  if (name === undefined && path === undefined) throw missingArgument("map requires a filter argument");
  for (const item of items(value)) {
    spend(1);
    yield name === undefined
      ? byPath(item, path!, named.get("default"))
      : applyFilter(text(name), item, rest, named);
  }
}

const missingArgument = (message: string): TemplateFailure =>
  new TemplateFailure("FilterArgumentError", message);
const names = (named: Value): Named =>
  new Map((named as Dict).entries().map(([name, value]) => [text(name), value]));

const filters: Record<string, Native<Value>> = {
  ...textFilters,
  ...listFilters,
  map: ["*", (value, args, named) => new Lazy(mapped(value, args as Value[], names(named)))],
  select: choose(false, true),
  reject: choose(false, false),
  selectattr: choose(true, true),
  rejectattr: choose(true, false),
};

const allTests: Record<string, Native<Value>> = {
  ...tests,
  filter: ["", value => Object.hasOwn(filters, text(value))],
  test: ["", value => Object.hasOwn(allTests, text(value))],
};

export const hasFilter = (name: string): boolean => Object.hasOwn(filters, name);
export const hasTest = (name: string): boolean => Object.hasOwn(allTests, name);

/** `found`: what Jinja adds where the name stands in the template itself. */
export function applyFilter(name: string, value: Value, args: Value[], named: Named, found = ""): Value {
  return apply("filter", filters, name, found)(value, args, named);
}
export function runTest(name: string, value: Value, args: Value[], named: Named, found = ""): boolean {
  return apply("test", allTests, name, found)(value, args, named) === true;
}

function apply(kind: string, table: typeof filters, name: string, found: string) {
  const native = entryOf(table, name);
  if (!native) throw new TemplateFailure("TemplateRuntimeError", `No ${kind} named '${name}'${found}.`);
  return (value: Value, args: Value[], named: Named): Value =>
    native[1](value, ...bind(name, native[0], args, named));
}
