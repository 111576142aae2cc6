/** Tokens to expressions, from the loosest binding to the tightest: `if`, `or`, `and`, `not`, comparison, `+`, `~`, `*`, `**`, sign. */
import { hasFilter, hasTest } from "./builtins.ts";
import { spend, TemplateFailure } from "./failure.ts";
import { lineOf, syntaxError, type Token } from "./lexer.ts";
import type { Arguments, Expression, Filter, Target } from "./nodes.ts";
import type { Value } from "./values.ts";

/** Deeper than any template; Python's own compiler gives up at some 100. */
const MAX_DEPTH = 150;
const constants: Record<string, Value> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};
const comparisons = ["==", "!=", "<", "<=", ">", ">="];
/** What may begin the argument of a test that has no parentheses. */
const primaries = ["name", "string", "integer", "float"];

export class Expressions {
  readonly source: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** Inside `if`: an unknown filter fails where it is used, since the condition may have asked for it. */
  soft = false;
  /** The first unknown filter or test; what is wrong with the syntax comes before it. */
  unknown: TemplateFailure | null = null;
  /** Names that are read, since a macro's `caller`, `kwargs` and `varargs` exist where its body speaks of them. */
  names = new Set<string>();

  constructor(source: string, tokens: readonly Token[]) {
    this.source = source;
    this.#tokens = tokens;
  }

  get now(): Token {
    return this.#tokens[this.#at]!;
  }

  next(): Token {
    const token = this.now;
    if (token.type !== "eof") this.#at++;
    return token;
  }

  is(value: string, ahead = 0): boolean {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
    return token.value === value && ["name", "operator", "begin", "end"].includes(token.type);
  }

  skip(value: string): boolean {
    const found = this.is(value);
    if (found) this.next();
    return found;
  }

  expect(value: string): void {
    if (!this.skip(value)) throw this.fail(`expected '${value}', got ${this.#described()}`);
  }

  expectName(): string {
    if (this.now.type !== "name") throw this.fail(`expected a name, got ${this.#described()}`);
    return this.next().value as string;
  }

  fail(message: string, name?: string): TemplateFailure {
    return syntaxError(message, this.source, this.now.at, name);
  }

  #described(): string {
    return this.now.type === "eof" ? "the end of the template" : `'${String(this.now.value)}'`;
  }

  nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      throw new TemplateFailure("RecursionError", "the template is nested too deeply");
    const result = parse();
    this.#depth--;
    return result;
  }

  /** With commas a tuple. `until`: a name that ends it. */
  tuple(
    conditional = true,
    until = "",
    parenthesised = false,
    parse = () => this.expression(conditional),
  ): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.expect(",");
      if (this.now.type === "end" || this.is(")") || (until !== "" && this.is(until))) break;
      items.push(parse());
      if (!this.is(",")) break;
      isTuple = true;
    }
    if (!isTuple && items.length > 0) return items[0]!;
    if (!isTuple && !parenthesised) throw this.fail(`Expected an expression, got ${this.#described()}`);
    return { type: "Tuple", items };
  }

  expression(conditional = true): Expression {
    return this.nested(() => {
      const { unknown, soft } = this;
      let then = this.#or();
      while (conditional && this.skip("if")) {
        this.soft = true;
        this.unknown = unknown;
        const line = lineOf(this.source, this.now.at);
        const test = this.#or();
        then = {
          type: "CondExpr",
          test,
          then,
          otherwise: this.skip("else") ? this.expression() : null,
          line,
        };
        this.soft = soft;
      }
      return then;
    });
  }

  #or(): Expression {
    let left = this.#and();
    while (this.skip("or")) left = { type: "Or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.skip("and")) left = { type: "And", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (!this.is("not")) return this.#compare();
    this.next();
    return this.nested(() => ({ type: "Not", node: this.#not() }));
  }

  #compare(): Expression {
    const node = this.#sum();
    const operands: { operator: string; node: Expression }[] = [];
    for (;;) {
      let operator = "in";
      if (this.now.type === "operator" && comparisons.includes(this.now.value as string))
        operator = this.next().value as string;
      else if (this.is("not") && this.is("in", 1)) {
        this.next();
        this.next();
        operator = "not in";
      } else if (!this.skip("in")) break;
      operands.push({ operator, node: this.#sum() });
    }
    return operands.length === 0 ? node : { type: "Compare", node, operands };
  }

  #leftToRight(operators: string, operand: () => Expression): Expression {
    let left = operand();
    while (this.now.type === "operator" && operators.split(" ").includes(this.now.value as string)) {
      left = { type: "Binary", operator: this.next().value as string, left, right: operand() };
    }
    return left;
  }

  #sum(): Expression {
    return this.#leftToRight("+ -", () => {
      const items = [this.#product()];
      while (this.skip("~")) items.push(this.#product());
      return items.length === 1 ? items[0]! : { type: "Concat", items };
    });
  }

  #product(): Expression {
    return this.#leftToRight("* / // %", () => this.#leftToRight("**", () => this.#unary()));
  }

  #unary(withFilter = true): Expression {
    let node: Expression;
    if (this.is("-") || this.is("+")) {
      const operator = this.next().value as string;
      node = this.nested(() => ({ type: "Unary", operator, node: this.#unary(false) }));
    } else node = this.primary();
    node = this.#postfix(node);
    for (;;) {
      if (withFilter && this.is("|")) node = this.filters(node)!;
      else if (withFilter && this.skip("is")) node = this.#test(node);
      else if (withFilter && this.is("(")) node = { type: "Call", node, args: this.args() };
      else return node;
    }
  }

  primary(): Expression {
    const token = this.now;
    if (token.type === "name") {
      this.next();
      const name = token.value as string;
      if (Object.hasOwn(constants, name)) return { type: "Const", value: constants[name]! };
      this.names.add(name);
      return { type: "Name", name };
    }
    if (token.type === "string") {
      let value = "";
      while (this.now.type === "string") value += this.next().value as string;
      return { type: "Const", value };
    }
    if (token.type === "integer" || token.type === "float")
      return { type: "Const", value: this.next().value };
    return this.nested(() => this.#bracketed());
  }

  #bracketed(): Expression {
    if (this.skip("(")) {
      const inner = this.tuple(true, "", true);
      this.expect(")");
      return inner;
    }
    if (this.skip("[")) return { type: "List", items: this.#list("]", () => this.expression()) };
    if (!this.skip("{")) throw this.fail(`unexpected ${this.#described()}`);
    return {
      type: "Dict",
      items: this.#list("}", () => {
        const key = this.expression();
        this.expect(":");
        return [key, this.expression()] as const;
      }),
    };
  }

  #list<T>(end: string, parse: () => T): T[] {
    const items: T[] = [];
    while (!this.is(end)) {
      if (items.length > 0) this.expect(",");
      if (this.is(end)) break;
      items.push(parse());
    }
    this.expect(end);
    return items;
  }

  #postfix(given: Expression): Expression {
    let node = given;
    for (;;) {
      if (this.skip(".")) {
        if (this.now.type === "integer")
          node = { type: "Getitem", node, arg: { type: "Const", value: this.next().value } };
        else node = { type: "Getattr", node, name: this.expectName() };
      } else if (this.skip("[")) {
        const args = [this.#subscript()];
        while (this.skip(",")) args.push(this.#subscript());
        this.expect("]");
        node = { type: "Getitem", node, arg: args.length === 1 ? args[0]! : { type: "Tuple", items: args } };
      } else if (this.is("(")) node = { type: "Call", node, args: this.args() };
      else return node;
    }
  }

  #subscript(): Expression {
    const first = this.is(":") ? null : this.expression();
    if (!this.is(":")) return first!;
    const bounds = [first];
    while (bounds.length < 3 && this.skip(":")) {
      bounds.push(this.is(":") || this.is("]") || this.is(",") ? null : this.expression());
    }
    return { type: "Slice", bounds };
  }

  args(): Arguments {
    const args: Expression[] = [];
    const named: [string, Expression][] = [];
    let rest: Expression | null = null;
    let namedRest: Expression | null = null;
    const ensure = (sound: boolean): void => {
      if (!sound) throw this.fail("invalid syntax for function call expression");
    };
    this.expect("(");
    this.#list(")", () => {
      if (this.skip("*")) {
        ensure(!rest && !namedRest);
        rest = this.expression();
      } else if (this.skip("**")) {
        ensure(!namedRest);
        namedRest = this.expression();
      } else if (this.now.type === "name" && this.is("=", 1)) {
        ensure(!namedRest);
        spend(named.length / 4);
        const name = this.expectName();
        this.next();
        if (named.some(([known]) => known === name))
          throw this.fail(`keyword argument repeated: ${name}`, "SyntaxError");
        named.push([name, this.expression()]);
      } else {
        ensure(!rest && !namedRest && named.length === 0);
        args.push(this.expression());
      }
    });
    return { args, named, rest, namedRest };
  }

  /** `| name(...)`, several; at once a name where `started`. */
  filters(given: Expression | null, started = false): Filter | null {
    let node = given;
    for (let first = started; first || this.skip("|"); first = false) {
      const name = this.#dotted();
      if (!hasFilter(name) && !this.soft)
        this.unknown ??= new TemplateFailure("TemplateAssertionError", `No filter named '${name}'.`);
      node = { type: "Filter", node, name, args: this.is("(") ? this.args() : noArguments };
    }
    return node as Filter | null;
  }

  #dotted(): string {
    let name = this.expectName();
    while (this.skip(".")) name += `.${this.expectName()}`;
    return name;
  }

  #test(node: Expression): Expression {
    const negated = this.skip("not");
    const name = this.#dotted();
    if (!hasTest(name) && !this.soft)
      this.unknown ??= new TemplateFailure("TemplateAssertionError", `No test named '${name}'.`);
    let args = noArguments;
    const word = ["else", "or", "and"].some(known => this.now.type === "name" && this.is(known));
    if (this.is("(")) args = this.args();
    else if ((primaries.includes(this.now.type) && !word) || this.is("[") || this.is("{")) {
      if (this.is("is")) throw this.fail("You cannot chain multiple tests with is");
      args = { ...noArguments, args: [this.#postfix(this.primary())] };
    }
    const test: Expression = { type: "Test", node, name, args };
    return negated ? { type: "Not", node: test } : test;
  }

  /** What stands left of `=` or `in`. */
  target(until = "", namespaces = false): Target {
    return this.tuple(true, until, false, () => {
      const name = this.now.type === "name" && namespaces && this.is(".", 1) ? this.expectName() : null;
      if (name !== null) {
        this.next();
        return { type: "NSRef", name, attribute: this.expectName() } as unknown as Expression;
      }
      const before = new Set(this.names);
      const target = this.primary();
      this.names = before; // not read
      if (target.type !== "Name" && target.type !== "Tuple")
        throw this.fail(`can't assign to '${target.type.toLowerCase()}'`);
      return target;
    }) as Target;
  }
}

const noArguments: Arguments = { args: [], named: [], rest: null, namedRest: null };
