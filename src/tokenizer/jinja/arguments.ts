/** Arguments of what Python and Jinja bring along, by place or name. */
import { typeError } from "./failure.ts";
import { Dict, Tuple, type Value } from "./values.ts";

/**
 * Names of the parameters, then what runs with the value and one argument each. `name?` may be left out; `*` as
 * the only one: a tuple of all arguments, and a dict of the named ones.
 */
export type Native<S> = readonly [parameters: string, run: (self: S, ...args: Value[]) => Value];

export function bind(callee: string, parameters: string, args: Value[], named: Map<string, Value>): Value[] {
  if (parameters === "*") return [Tuple.from(args), new Dict(named)];
  const names = parameters === "" ? [] : parameters.split(" ");
  if (args.length > names.length) {
    throw typeError(`${callee}() takes at most ${names.length} arguments (${args.length} given)`);
  }
  let used = 0;
  const bound = names.map((parameter, place) => {
    const optional = parameter.endsWith("?");
    const name = optional ? parameter.slice(0, -1) : parameter;
    const value = named.get(name);
    if (value !== undefined) {
      if (place < args.length) throw typeError(`${callee}() got multiple values for argument '${name}'`);
      used++;
      return value;
    }
    if (place < args.length || optional) return args[place];
    throw typeError(`${callee}() missing required argument: '${name}'`);
  });
  if (used < named.size) throw typeError(`${callee}() got an unexpected keyword argument`);
  return bound as Value[]; // undefined = the default of the parameter
}

/** The entry of a table, not what its prototype has. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
