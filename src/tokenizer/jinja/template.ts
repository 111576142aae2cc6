/** A chat template as a function: parsed once, rendered as Hugging Face transformers sets Jinja up. */
import { run, Scope } from "./interpreter.ts";
import { argumentsOf } from "./methods.ts";
import { parseTemplate } from "./parse.ts";
import { strftime } from "./time.ts";
import {
  Attributes,
  type Callable,
  fromJs,
  isDict,
  items,
  TemplateFailure,
  text,
  typeError,
  type Value,
} from "./values.ts";

/** Longer ranges than any template has a use for. */
const MAX_RANGE = 100_000;

/**
 * @returns renders with the given variables; `now` is the time for `strftime_now`
 * @throws TemplateFailure under the name of Python's exception, the returned function too
 */
export function compileTemplate(
  source: string,
): (variables: Readonly<Record<string, unknown>>, now: Date) => string {
  const program = parseTemplate(source);
  return (variables, now) => {
    const given = Object.entries(variables).filter(([, value]) => value !== undefined);
    const values = given.map(([name, value]): [string, Value] => [name, fromJs(value)]);
    return run(program, new Scope(new Scope(null, globals(now)), values));
  };
}

function globals(now: Date): [string, Value][] {
  const constants: [string, Value][] = [true, false, null].flatMap(value => {
    const name = value === null ? "none" : String(value);
    return [name, name[0]!.toUpperCase() + name.slice(1)].map((spelling): [string, Value] => [
      spelling,
      value,
    ]);
  });
  const functions: Record<string, Callable> = {
    range: args => {
      const [start, stop, step] = (args.length > 1 ? args : [0, ...args]).concat(1) as number[];
      if (![start, stop, step].every(Number.isInteger)) throw typeError("range() takes integers");
      if (step === 0) throw new TemplateFailure("ValueError", "range() arg 3 must not be zero");
      const length = Math.max(0, Math.ceil((stop! - start!) / step!));
      if (length > MAX_RANGE) {
        throw new TemplateFailure(
          "OverflowError",
          `Range too big. The sandbox blocks ranges larger than ${MAX_RANGE}.`,
        );
      }
      return Array.from({ length }, (_, i) => start! + i * step!);
    },
    namespace: (args, named) => new Attributes(dictOf(args, named) as Map<string, Value>),
    dict: dictOf,
    raise_exception: args => {
      throw new TemplateFailure("TemplateError", text(args[0] ?? null));
    },
    strftime_now: (args, named) => strftime(text(argumentsOf("strftime_now", args, named)("format", 0)), now),
    joiner: args => {
      let first = true;
      return () => {
        const joint = first ? "" : text(args[0] ?? ", ");
        first = false;
        return joint;
      };
    },
    cycler: args => {
      let next = 0;
      return new Attributes(new Map([["next", () => args[next++ % args.length] ?? null]]));
    },
  };
  return [...constants, ...Object.entries(functions)];
}

/** `dict(pairs or another, name=value)` */
function dictOf(args: Value[], named: Map<string, Value>): Map<Value, Value> {
  const [first] = args;
  const pairs = first === undefined ? [] : isDict(first) ? [...first] : items(first).map(pair => items(pair));
  return new Map([...(pairs as [Value, Value][]), ...named]);
}
