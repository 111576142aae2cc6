/**
 * Runs a parsed template with Python's values and Jinja's scopes.
 *
 * Not the library's own interpreter: it renders half of the small templates in tests/golden/jinja otherwise than
 * Python's Jinja, a quarter of them without an error. It prints `None` as nothing and `True` as `true`, dicts as JSON, strips white
 * space where `strip` is given other characters, and knows few methods, tests and filters.
 */
import { applyFilter, type FilterContext, percentFormat } from "./filters.ts";
import { methodOf } from "./methods.ts";
import type { Node } from "./parse.ts";
import { runTest } from "./tests.ts";
import {
  Attributes,
  type Callable,
  compare,
  contains,
  equal,
  Float,
  Group,
  isDict,
  isFloat,
  isNumber,
  items,
  makeFloat,
  numberOf,
  repr,
  TemplateFailure,
  Tuple,
  text,
  truth,
  typeError,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

class LoopEnd {
  readonly kind: "Break" | "Continue";
  constructor(kind: "Break" | "Continue") {
    this.kind = kind;
  }
}

/** Names and their values; an inner scope sees the outer ones and does not change them. */
export class Scope {
  readonly #names = new Map<string, Value>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null, names: Iterable<[string, Value]> = []) {
    this.#outer = outer;
    for (const [name, value] of names) this.#names.set(name, value);
  }

  get(name: string): Value {
    const value = this.#names.get(name);
    if (value !== undefined) return value;
    return this.#outer ? this.#outer.get(name) : new Undefined(`${repr(name)} is undefined`);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}

/** Loops and macros nested deeper than this are a template that would never end. */
const MAX_DEPTH = 200;

/** The text that a tree renders to. @throws TemplateFailure */
export function run(program: Node, scope: Scope): string {
  return new Interpreter().render(program.body, scope);
}

class Interpreter {
  #depth = 0;
  readonly #context: FilterContext = { lookup: (value, name) => element(value, name) };

  render(nodes: readonly Node[], scope: Scope): string {
    const output: string[] = [];
    this.#block(nodes, scope, output);
    return output.join("");
  }

  /** What is printed goes to `output` at once, so that it stays when `break` or `continue` leaves the block. */
  #block(nodes: readonly Node[], scope: Scope, output: string[]): void {
    for (const node of nodes) this.#statement(node, scope, output);
  }

  #statement(node: Node, scope: Scope, output: string[]): void {
    switch (node.type) {
      case "Comment":
        return;
      case "Set":
        this.#set(node, scope);
        return;
      case "If":
        this.#block(truth(this.evaluate(node.test, scope)) ? node.body : node.alternate, scope, output);
        return;
      case "For":
        this.#for(node, scope, output);
        return;
      case "Macro":
        scope.set(node.name.value, this.#macro(node.args, node.body, scope, `macro '${node.name.value}'`));
        return;
      case "CallStatement": {
        const caller = this.#macro(node.callerArgs ?? [], node.body, scope, "caller");
        output.push(text(this.#call(node.call, scope, [["caller", caller]])));
        return;
      }
      case "FilterStatement":
        output.push(text(this.#filter(node.filter, this.render(node.body, new Scope(scope)), scope)));
        return;
      case "Break":
      case "Continue":
        throw new LoopEnd(node.type);
      default:
        output.push(text(this.evaluate(node, scope)));
    }
  }

  #set({ assignee, value, body }: Node, scope: Scope): void {
    let given = value ? this.evaluate(value, scope) : this.render(body, new Scope(scope));
    let target = assignee;
    const filters: Node[] = []; // {% set x | upper %}...{% endset %}
    for (; target.type === "FilterExpression"; target = target.operand) filters.unshift(target.filter);
    for (const filter of filters) given = this.#filter(filter, given, scope);
    this.#assign(target, given, scope);
  }

  #assign(target: Node, value: Value, scope: Scope): void {
    if (target.type === "Identifier") scope.set(target.value, value);
    else if (target.type === "TupleLiteral") {
      const parts = items(value);
      if (parts.length !== target.value.length) {
        const many = parts.length > target.value.length;
        throw new TemplateFailure(
          "ValueError",
          many
            ? `too many values to unpack (expected ${target.value.length})`
            : `not enough values to unpack (expected ${target.value.length}, got ${parts.length})`,
        );
      }
      for (const [i, part] of target.value.entries()) this.#assign(part, parts[i]!, scope);
    } else if (target.type === "MemberExpression") {
      const object = this.evaluate(target.object, scope);
      if (!(object instanceof Attributes)) {
        throw new TemplateFailure("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
      }
      object.fields.set(target.property.value, value);
    } else throw new TemplateFailure("TemplateSyntaxError", `can't assign to '${target.type}'`);
  }

  #for({ loopvar, iterable, body, defaultBlock }: Node, outer: Scope, output: string[]): void {
    const select = iterable.type === "SelectExpression";
    let list = items(this.evaluate(select ? iterable.lhs : iterable, outer));
    if (select) {
      list = list.filter(item => {
        const scope = new Scope(outer);
        this.#assign(loopvar, item, scope);
        return truth(this.evaluate(iterable.test, scope));
      });
    }
    if (list.length === 0) this.#block(defaultBlock, new Scope(outer), output);
    let last: Value[] | undefined;
    const changed: Callable = args => {
      const same = last !== undefined && equal(last, args);
      last = args;
      return !same;
    };
    for (const [i, item] of list.entries()) {
      const scope = new Scope(outer);
      this.#assign(loopvar, item, scope);
      const loop = new Map<string, Value>([
        ["changed", changed],
        ["cycle", args => args[i % args.length] ?? null],
        ["index", i + 1],
        ["index0", i],
        ["revindex", list.length - i],
        ["revindex0", list.length - i - 1],
        ["first", i === 0],
        ["last", i === list.length - 1],
        ["length", list.length],
        ["depth", 1],
        ["depth0", 0],
        ["previtem", i > 0 ? list[i - 1]! : new Undefined("there is no previous item")],
        ["nextitem", i + 1 < list.length ? list[i + 1]! : new Undefined("there is no next item")],
      ]);
      scope.set("loop", new Attributes(loop));
      try {
        this.#block(body, scope, output);
      } catch (end) {
        if (!(end instanceof LoopEnd)) throw end;
        if (end.kind === "Break") break;
      }
    }
  }

  #macro(parameters: readonly Node[], body: readonly Node[], scope: Scope, name: string): Callable {
    return (args, named) => {
      if (++this.#depth > MAX_DEPTH) {
        throw new TemplateFailure("RecursionError", "maximum recursion depth exceeded");
      }
      const inner = new Scope(scope);
      const rest = new Map(named);
      for (const [i, parameter] of parameters.entries()) {
        const key = parameter.type === "Identifier" ? parameter.value : parameter.key.value;
        const value = i < args.length ? args[i] : rest.get(key);
        rest.delete(key);
        if (value !== undefined) inner.set(key, value);
        else if (parameter.type === "Identifier") {
          inner.set(key, new Undefined(`parameter ${repr(key)} was not provided`));
        } else inner.set(key, this.evaluate(parameter.value, inner));
      }
      inner.set("caller", rest.get("caller") ?? new Undefined("'caller' is undefined"));
      rest.delete("caller");
      if (!uses(body, "varargs") && args.length > parameters.length) {
        throw typeError(`${name} takes not more than ${parameters.length} argument(s)`);
      }
      if (!uses(body, "kwargs") && rest.size > 0) {
        throw typeError(`${name} takes no keyword argument '${[...rest.keys()][0]}'`);
      }
      inner.set("varargs", Tuple.from(args.slice(parameters.length)) as Value[]);
      inner.set("kwargs", new Map(rest));
      const output = this.render(body, inner);
      this.#depth--;
      return output;
    };
  }

  evaluate(node: Node, scope: Scope): Value {
    switch (node.type) {
      case "IntegerLiteral":
      case "StringLiteral":
        return node.value;
      case "FloatLiteral":
        return makeFloat(node.value);
      case "ArrayLiteral":
        return node.value.map((item: Node) => this.evaluate(item, scope));
      case "TupleLiteral":
        return Tuple.from(node.value, (item: Node) => this.evaluate(item, scope)) as Value[];
      case "ObjectLiteral": {
        const entries = [...(node.value as Map<Node, Node>)];
        return new Map(
          entries.map(([key, value]) => [this.evaluate(key, scope), this.evaluate(value, scope)]),
        );
      }
      case "Identifier":
        return scope.get(node.value);
      case "MemberExpression":
        return this.#member(node, scope);
      case "CallExpression":
        return this.#call(node, scope);
      case "FilterExpression":
        return this.#filter(node.filter, this.evaluate(node.operand, scope), scope);
      case "TestExpression":
        return runTest(node.test.value, this.evaluate(node.operand, scope), []) !== node.negate;
      case "UnaryExpression":
        return unary(node.operator.value, this.evaluate(node.argument, scope));
      case "BinaryExpression":
        return this.#binary(node, scope);
      case "Ternary":
        return this.evaluate(
          truth(this.evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr,
          scope,
        );
      case "SelectExpression":
        return truth(this.evaluate(node.test, scope))
          ? this.evaluate(node.lhs, scope)
          : new Undefined("the inline if-expression evaluated to false and no else section was defined.");
      default:
        throw new TemplateFailure("TemplateSyntaxError", `${node.type} is not an expression`);
    }
  }

  #member({ object, property, computed }: Node, scope: Scope): Value {
    const value = this.evaluate(object, scope);
    if (!computed) {
      return property.type === "IntegerLiteral"
        ? element(value, property.value)
        : attribute(value, property.value);
    }
    if (property.type !== "SliceExpression") return element(value, this.evaluate(property, scope));
    const bound = (node: Node | undefined): number | null => {
      const given = node ? this.evaluate(node, scope) : null;
      if (given === null || typeof given === "number") return given;
      throw typeError("slice indices must be integers or None or have an __index__ method");
    };
    return slice(value, bound(property.start), bound(property.stop), bound(property.step));
  }

  #arguments(nodes: readonly Node[], scope: Scope): [Value[], Map<string, Value>] {
    const args: Value[] = [];
    const named = new Map<string, Value>();
    for (const node of nodes) {
      if (node.type === "SpreadExpression") args.push(...items(this.evaluate(node.argument, scope)));
      else if (node.type === "KeywordArgumentExpression")
        named.set(node.key.value, this.evaluate(node.value, scope));
      else if (node.type === "KeywordSpreadExpression") {
        const given = this.evaluate(node.argument, scope);
        if (!isDict(given)) throw typeError(`argument after ** must be a mapping, not ${typeName(given)}`);
        for (const [key, value] of given) named.set(text(key), value);
      } else args.push(this.evaluate(node, scope));
    }
    return [args, named];
  }

  #call({ callee, args: nodes }: Node, scope: Scope, more: [string, Value][] = []): Value {
    const called = this.evaluate(callee, scope);
    const [args, named] = this.#arguments(nodes, scope);
    for (const [name, value] of more) named.set(name, value);
    if (typeof called === "function") return called(args, named);
    if (called instanceof Undefined) throw undefinedError(called);
    throw typeError(`'${typeName(called)}' object is not callable`);
  }

  #filter(filter: Node, value: Value, scope: Scope): Value {
    const call = filter.type === "CallExpression";
    const name: string = call ? filter.callee.value : filter.value;
    const [args, named] = call ? this.#arguments(filter.args, scope) : [[], new Map<string, Value>()];
    if (!name.startsWith("is ")) return applyFilter(name, value, args, named, this.#context);
    const negated = name.startsWith("is not ");
    return runTest(name.slice(negated ? 7 : 3), value, args) !== negated;
  }

  #binary({ operator, left, right }: Node, scope: Scope): Value {
    const a = this.evaluate(left, scope);
    if (operator.value === "and") return truth(a) ? this.evaluate(right, scope) : a;
    if (operator.value === "or") return truth(a) ? a : this.evaluate(right, scope);
    return binary(operator.value, a, this.evaluate(right, scope));
  }
}

/** Whether a macro's body speaks of `varargs` or `kwargs`. */
function uses(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some(item => uses(item, name));
  if (node instanceof Map) return [...node].some(pair => uses(pair, name));
  if (typeof node !== "object" || node === null) return false;
  const { type, value } = node as Node;
  if (type === "Identifier" && value === name) return true;
  return Object.values(node).some(child => uses(child, name));
}

/** `value.name`: a method or attribute first, then an element. */
function attribute(value: Value, name: string): Value {
  if (value instanceof Attributes) return value.fields.get(name) ?? missing(value, name);
  if (value instanceof Group && name === "grouper") return value[0]!;
  if (value instanceof Group && name === "list") return value[1]!;
  return methodOf(value, name) ?? element(value, name);
}

/** `value[name]`: an element first, then a method or attribute. */
function element(value: Value, name: Value): Value {
  if (value instanceof Undefined) throw undefinedError(value);
  if (isDict(value)) {
    const found = value.get(name instanceof Float ? name.value : name);
    if (found !== undefined) return found;
  } else if (typeof name === "number" && (typeof value === "string" || Array.isArray(value))) {
    const found = (typeof value === "string" ? [...value] : value).at(name);
    if (found !== undefined) return found;
  } else if (value instanceof Attributes && typeof name === "string") {
    return value.fields.get(name) ?? missing(value, name);
  }
  return (typeof name === "string" ? methodOf(value, name) : undefined) ?? missing(value, name);
}

function missing(value: Value, name: Value): Undefined {
  const owner = value === null ? "None" : `${typeName(value)} object`;
  return new Undefined(
    `'${owner}' has no ${typeof name === "string" ? "attribute" : "element"} ${repr(name)}`,
  );
}

function slice(value: Value, from: number | null, to: number | null, by: number | null): Value {
  if (value instanceof Undefined) throw undefinedError(value);
  if (typeof value !== "string" && !Array.isArray(value)) {
    throw typeError(`'${typeName(value)}' object is not subscriptable`);
  }
  const list: Value[] = typeof value === "string" ? [...value] : value;
  const step = by ?? 1;
  if (step === 0) throw new TemplateFailure("ValueError", "slice step cannot be zero");
  const size = list.length;
  const clamp = (bound: number | null, otherwise: number): number => {
    if (bound === null) return otherwise;
    const at = bound < 0 ? bound + size : bound;
    return step > 0 ? Math.min(Math.max(at, 0), size) : Math.min(Math.max(at, -1), size - 1);
  };
  const start = clamp(from, step > 0 ? 0 : size - 1);
  const stop = clamp(to, step > 0 ? size : -1);
  const result: Value[] = value instanceof Tuple ? Tuple.of() : [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) result.push(list[i]!);
  return typeof value === "string" ? result.join("") : result;
}

function unary(operator: string, value: Value): Value {
  if (operator === "not") return !truth(value);
  if (value instanceof Undefined) throw undefinedError(value);
  if (!isNumber(value)) throw typeError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const number = operator === "-" ? -numberOf(value) : numberOf(value);
  return isFloat(value) ? makeFloat(number) : number;
}

function binary(operator: string, a: Value, b: Value): Value {
  switch (operator) {
    case "==":
      return equal(a, b);
    case "!=":
      return !equal(a, b);
    case "<":
      return compare(a, b, operator) < 0;
    case "<=":
      return compare(a, b, operator) <= 0;
    case ">":
      return compare(a, b, operator) > 0;
    case ">=":
      return compare(a, b, operator) >= 0;
    case "in":
      return contains(b, a);
    case "not in":
      return !contains(b, a);
    case "~":
      return text(a) + text(b);
  }
  for (const value of [a, b]) if (value instanceof Undefined) throw undefinedError(value);
  if (operator === "+") {
    if (typeof a === "string" && typeof b === "string") return a + b;
    if (Array.isArray(a) && Array.isArray(b) && a instanceof Tuple === b instanceof Tuple) return a.concat(b);
    if (typeof a === "string") throw typeError(`can only concatenate str (not "${typeName(b)}") to str`);
  }
  if (operator === "%" && typeof a === "string") return percentFormat(a, b);
  if (operator === "*") {
    const [list, count] = typeof a === "number" ? [b, a] : [a, b];
    if (typeof count === "number" && typeof list === "string") return list.repeat(Math.max(0, count));
    if (typeof count === "number" && Array.isArray(list)) {
      return Array.from({ length: Math.max(0, count) }, () => list).flat();
    }
  }
  if (!isNumber(a) || !isNumber(b)) {
    throw typeError(`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
  }
  return arithmetic(operator, numberOf(a), numberOf(b), isFloat(a) || isFloat(b));
}

function arithmetic(operator: string, a: number, b: number, float: boolean): Value {
  if (b === 0 && ["/", "//", "%"].includes(operator)) {
    throw new TemplateFailure("ZeroDivisionError", "division by zero");
  }
  const whole = (value: number): Value => (float ? makeFloat(value) : value);
  switch (operator) {
    case "+":
      return whole(a + b);
    case "-":
      return whole(a - b);
    case "*":
      return whole(a * b);
    case "/":
      return makeFloat(a / b);
    case "//":
      return whole(Math.floor(a / b));
    case "%":
      return whole(a - b * Math.floor(a / b));
    case "**":
      return float || b < 0 ? makeFloat(a ** b) : a ** b;
    default:
      throw new TemplateFailure("TemplateSyntaxError", `unknown operator ${operator}`);
  }
}
