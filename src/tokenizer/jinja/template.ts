/** A chat template as a function: parsed once, rendered as Hugging Face transformers sets Jinja up. */
import { bind } from "./arguments.ts";
import { Scope } from "./evaluate.ts";
import { spendList, TemplateFailure, typeError, valueError, withBudget } from "./failure.ts";
import { run } from "./interpreter.ts";
import { parseTemplate } from "./parser.ts";
import { strftime } from "./time.ts";
import {
  type Callable,
  Dict,
  fromJs,
  index,
  items,
  method,
  Namespace,
  Range,
  Thing,
  tuple,
  type Value,
} from "./values.ts";
import { repr, text } from "./write.ts";

/** Longer ranges Jinja's sandbox refuses too. */
const MAX_RANGE = 100_000;

/**
 * @returns renders with the given variables; `now` is the time for `strftime_now`
 * @throws TemplateFailure under the name of Python's exception, or TemplateLimitError where it takes more steps or makes
 * longer texts than any conversation needs; the returned function too
 */
export function compileTemplate(
  source: string,
): (variables: Readonly<Record<string, unknown>>, now: Date) => string {
  const program = withBudget(() => parseTemplate(source));
  return (variables, now) =>
    withBudget(() => {
      const given = Object.entries(variables).filter(([, value]) => value !== undefined);
      return run(
        program,
        new Scope(null, globals(now)),
        given.map(([name, value]) => [name, fromJs(value)]),
      );
    });
}

function globals(now: Date): [string, Value][] {
  const functions: Record<string, Callable> = {
    range,
    namespace: (args, named) => {
      const fields = dictOf(args, named);
      return new Namespace(fields, () => `<Namespace ${repr(fields)}>`);
    },
    dict: dictOf,
    raise_exception: (args, named) => {
      throw new TemplateFailure("TemplateError", text(bind("raise_exception", "message", args, named)[0]!));
    },
    strftime_now: (args, named) => strftime(text(bind("strftime_now", "format", args, named)[0]!), now),
    joiner: (args, named) => {
      const [glue = ", "] = bind("joiner", "sep?", args, named);
      let first = true;
      return method(() => {
        const joint = first ? "" : glue;
        first = false;
        return joint;
      });
    },
    cycler: args => cycler(args),
  };
  return Object.entries(functions).map(([name, call]) => [name, new Thing("function", { call })]);
}

function range(args: Value[]): Value {
  if (args.length === 0 || args.length > 3)
    throw typeError(`range expected 1 to 3 arguments, got ${args.length}`);
  const [start, stop, step] = (args.length > 1 ? [...args, 1] : [0, ...args, 1]).map(index) as [
    number,
    number,
    number,
  ];
  if (step === 0) throw valueError("range() arg 3 must not be zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) {
    throw new TemplateFailure(
      "OverflowError",
      `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${MAX_RANGE}).`,
    );
  }
  spendList(length);
  const list = Range.from({ length }, (_, i) => start + i * step) as Range;
  list.bounds = [start, stop, step];
  return list;
}

function cycler(list: Value[]): Value {
  if (list.length === 0) throw new TemplateFailure("RuntimeError", "at least one item has to be provided");
  let place = 0;
  const members: Record<string, () => Value> = {
    current: () => list[place]!,
    items: () => tuple(...list),
    pos: () => place,
    next: () =>
      method(() => {
        const now = list[place]!;
        place = (place + 1) % list.length;
        return now;
      }),
    reset: () =>
      method(() => {
        place = 0;
        return null;
      }),
  };
  return new Thing("jinja2.utils.Cycler", {
    get: name => (Object.hasOwn(members, name) ? members[name]!() : undefined),
  });
}

/** `dict(pairs or another, name=value)` */
function dictOf(args: Value[], named: Map<string, Value>): Dict {
  const first = args[0] ?? [];
  if (args.length > 1) throw typeError(`dict expected at most 1 argument, got ${args.length}`);
  if (args[0] === null) throw typeError("'NoneType' object is not iterable");
  const pairs = first instanceof Dict ? first.entries() : Array.from(items(first), pair => items(pair));
  for (const pair of pairs)
    if (pair.length !== 2) throw valueError("dictionary update sequence elements must have length 2");
  return new Dict([...(pairs as [Value, Value][]), ...named]);
}
