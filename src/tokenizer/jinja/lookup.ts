/** `value.name`, `value[key]`, `value[from:to:by]` */
import { spend, TemplateFailure, typeError, valueError } from "./failure.ts";
import { braceFormat } from "./format.ts";
import { memberOf } from "./methods.ts";
import {
  codePoints,
  Dict,
  Group,
  index,
  isInt,
  isList,
  isText,
  Markup,
  method,
  Namespace,
  needDefined,
  orElse,
  plain,
  Thing,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";
import { repr } from "./write.ts";

/** A method or attribute. */
export function member(value: Value, name: string): Value | undefined {
  if (value instanceof Group && name === "grouper") return value[0];
  if (value instanceof Group && name === "list") return value[1];
  if (isText(value) && (name === "format" || name === "format_map")) {
    const template = plain(value);
    return method((args, named) => {
      const map = name === "format" ? new Dict(named) : args[0];
      if (!(map instanceof Dict)) throw typeError("format_map() argument must be a mapping");
      const written = braceFormat(template, name === "format" ? args : [], map, { attribute, element });
      return value instanceof Markup ? new Markup(written) : written;
    });
  }
  return memberOf(value, name);
}

/** `value.name`: a method or attribute first, then an element. */
export function attribute(value: Value, name: string): Value {
  needDefined(value);
  const found = member(value, name);
  if (found !== undefined) return found;
  return orElse(value instanceof Dict ? value.get(name) : undefined, () => missing(value, name));
}

/** `value[name]`: an element first, then a method or attribute. */
export function element(value: Value, name: Value): Value {
  needDefined(value);
  let found: Value | undefined;
  if (value instanceof Dict) found = value.get(name);
  else if (isInt(name) && isText(value)) found = at(codePoints(plain(value)), name);
  else if (isInt(name) && isList(value)) found = at(value, name);
  if (found !== undefined) return value instanceof Markup && isText(found) ? new Markup(plain(found)) : found;
  return orElse(isText(name) ? member(value, plain(name)) : undefined, () => missing(value, name));
}

const at = (list: Value[], place: Value): Value | undefined => list.at(index(place));

export function missing(value: Value, name: Value): Undefined {
  const type = value instanceof Thing ? value.type : typeName(value);
  const owner = value === null ? "None" : `${type} object`;
  return new Undefined(
    isText(name) ? `'${owner}' has no attribute ${repr(name)}` : `${owner} has no element ${repr(name)}`,
  );
}

/** `null` = not given. */
export function slice(value: Value, from: Value, to: Value, by: Value): Value {
  needDefined(value);
  if (
    value instanceof Dict ||
    value instanceof Thing ||
    value === null ||
    !(isText(value) || isList(value))
  ) {
    // Jinja takes any failure to look up for an element that is not there
    return new Undefined(`${value === null ? "None" : `${typeName(value)} object`} has no element slice`);
  }
  const bound = (given: Value): number | null => {
    if (given === null) return null;
    if (!isInt(given)) throw typeError("slice indices must be integers or None or have an __index__ method");
    return index(given);
  };
  const list: Value[] = isText(value) ? codePoints(plain(value)) : value;
  const step = bound(by) ?? 1;
  if (step === 0) throw valueError("slice step cannot be zero");
  const size = list.length;
  const clamp = (given: Value, otherwise: number): number => {
    const place = bound(given);
    if (place === null) return otherwise;
    const at = place < 0 ? place + size : place;
    return step > 0 ? Math.min(Math.max(at, 0), size) : Math.min(Math.max(at, -1), size - 1);
  };
  const start = clamp(from, step > 0 ? 0 : size - 1);
  const stop = clamp(to, step > 0 ? size : -1);
  spend(Math.max(0, (stop - start) / step) / 4);
  const part: Value[] = value instanceof Tuple ? new Tuple() : [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) part.push(list[i]!);
  if (!isText(value)) return part;
  return value instanceof Markup ? new Markup(part.join("")) : part.join("");
}

/** `namespace.name = value` */
export function assignField(target: Value, name: string, value: Value): void {
  if (!(target instanceof Namespace)) {
    throw new TemplateFailure("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
  }
  target.fields.set(name, value);
}
