/** Expressions to values. */
import { applyFilter, runTest } from "./builtins.ts";
import { compare, contains, equal } from "./compare.ts";
import { spend, TemplateFailure, typeError } from "./failure.ts";
import { attribute, element, slice } from "./lookup.ts";
import type { Arguments, Call, Expression, Filter } from "./nodes.ts";
import { binary, unary } from "./numbers.ts";
import {
  Dict,
  items,
  Markup,
  needDefined,
  Thing,
  Tuple,
  truth,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";
import { appended, escapeText, repr, text } from "./write.ts";

/** Names and their values; an inner scope sees the outer ones and does not change them. */
export class Scope {
  readonly #names: Map<string, Value>;
  readonly #outer: Scope | null;

  constructor(outer: Scope | null, names: Iterable<readonly [string, Value]> = []) {
    this.#outer = outer;
    this.#names = new Map(names);
  }

  get(name: string): Value {
    for (let scope: Scope | null = this; scope; scope = scope.#outer) {
      const value = scope.#names.get(name);
      if (value !== undefined) return value;
    }
    return new Undefined(`${repr(name)} is undefined`);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}

export class Evaluator {
  /** Inside `{% autoescape true %}`. */
  protected autoescape = false;

  evaluate(node: Expression, scope: Scope): Value {
    spend(1);
    switch (node.type) {
      case "Const":
        return node.value;
      case "Name":
        return scope.get(node.name);
      case "Getattr":
        return attribute(this.evaluate(node.node, scope), node.name);
      case "Getitem":
        return this.#item(node.node, node.arg, scope);
      case "Call":
        return this.call(node, scope);
      case "Filter":
        return this.filter(node, this.evaluate(node.node!, scope), scope);
      case "And":
      case "Or": {
        const left = this.evaluate(node.left, scope);
        return truth(left) === (node.type === "And") ? this.evaluate(node.right, scope) : left;
      }
      case "Not":
        return !truth(this.evaluate(node.node, scope));
      case "CondExpr":
        if (truth(this.evaluate(node.test, scope))) return this.evaluate(node.then, scope);
        if (node.otherwise) return this.evaluate(node.otherwise, scope);
        return new Undefined(
          `the inline if-expression on line ${node.line} evaluated to false and no else section was defined.`,
        );
      case "Binary": {
        const left = this.evaluate(node.left, scope);
        return binary(node.operator, left, this.evaluate(node.right, scope));
      }
      case "Unary":
        return unary(node.operator, this.evaluate(node.node, scope));
      default:
        return this.#rare(node, scope);
    }
  }

  /** The rest: apart, so that the frame of `evaluate` stays small where expressions are nested. */
  #rare(node: Expression, scope: Scope): Value {
    switch (node.type) {
      case "Test": {
        const value = this.evaluate(node.node, scope);
        const [args, named] = this.args(node.args, scope);
        return runTest(node.name, value, args, named, " found");
      }
      case "Compare":
        return this.#compare(node, scope);
      case "List":
        return node.items.map(item => this.evaluate(item, scope));
      case "Tuple":
        return Tuple.from(node.items, item => this.evaluate(item, scope));
      case "Dict":
        return new Dict(
          node.items.map(pair => [this.evaluate(pair[0], scope), this.evaluate(pair[1], scope)]),
        );
      case "Concat":
        return this.#concat(node.items.map(item => this.evaluate(item, scope)));
      default:
        throw new TemplateFailure("TemplateSyntaxError", `${node.type} is not an expression`);
    }
  }

  #concat(values: Value[]): Value {
    return this.autoescape ? new Markup(appended(values.map(escapeText))) : appended(values.map(text));
  }

  #compare(node: Expression & { type: "Compare" }, scope: Scope): Value {
    let left = this.evaluate(node.node, scope);
    for (const operand of node.operands) {
      const right = this.evaluate(operand.node, scope);
      if (!compares(operand.operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #item(object: Expression, arg: Expression, scope: Scope): Value {
    const value = this.evaluate(object, scope);
    if (arg.type !== "Slice") return element(value, this.evaluate(arg, scope));
    const [from, to, by] = arg.bounds.map(bound => (bound ? this.evaluate(bound, scope) : null));
    return slice(value, from ?? null, to ?? null, by ?? null);
  }

  args(
    { args: nodes, named: pairs, rest, namedRest }: Arguments,
    scope: Scope,
  ): [Value[], Map<string, Value>] {
    const args = nodes.map(node => this.evaluate(node, scope));
    const named = new Map<string, Value>();
    for (const [name, node] of pairs) named.set(name, this.evaluate(node, scope));
    if (rest) for (const item of items(this.evaluate(rest, scope))) args.push(item);
    if (namedRest) {
      const given = this.evaluate(namedRest, scope);
      needDefined(given);
      if (!(given instanceof Dict))
        throw typeError(`argument after ** must be a mapping, not ${typeName(given)}`);
      for (const [key, value] of given.entries()) {
        if (named.has(text(key))) throw typeError(`got multiple values for keyword argument ${repr(key)}`);
        named.set(text(key), value);
      }
    }
    return [args, named];
  }

  call(node: Call, scope: Scope, caller: Value | null = null): Value {
    const called = this.evaluate(node.node, scope);
    const [args, named] = this.args(node.args, scope);
    if (caller) named.set("caller", caller);
    needDefined(called);
    if (called instanceof Thing && called.call) return called.call(args, named);
    throw typeError(`'${typeName(called)}' object is not callable`);
  }

  filter(node: Filter, value: Value, scope: Scope): Value {
    const [args, named] = this.args(node.args, scope);
    return applyFilter(node.name, value, args, named, " found");
  }
}

function compares(operator: string, a: Value, b: Value): boolean {
  switch (operator) {
    case "==":
      return equal(a, b);
    case "!=":
      return !equal(a, b);
    case "in":
      return contains(b, a);
    case "not in":
      return !contains(b, a);
    case "<":
      return compare(a, b, operator) < 0;
    case "<=":
      return compare(a, b, operator) <= 0;
    case ">":
      return compare(a, b, operator) > 0;
    default:
      return compare(a, b, operator) >= 0;
  }
}
