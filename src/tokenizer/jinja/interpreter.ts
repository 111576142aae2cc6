/** Runs a parsed template with Python's values and Jinja's scopes. */

import { Evaluator, Scope } from "./evaluate.ts";
import { spend, spendGrowth, TemplateFailure, typeError, valueError } from "./failure.ts";
import { assignField } from "./lookup.ts";
import { Loop } from "./loop.ts";
import type { Body, Expression, For, Macro, Statement, Target } from "./nodes.ts";
import { Dict, items, Markup, orElse, Thing, Tuple, truth, tuple, Undefined, type Value } from "./values.ts";
import { escapeText, repr, text } from "./write.ts";

/** Macros and recursive loops nested deeper than this are a template that would never end. */
const MAX_DEPTH = 200;

/** How a body ends: `break` and `continue` leave what is around them too, up to their loop. */
type End = "Break" | "Continue" | undefined;

/** The text that a tree renders to. @throws TemplateFailure */
export function run(program: Body, globals: Scope, variables: Iterable<readonly [string, Value]>): string {
  return new Interpreter(new Scope(globals, variables)).template(program);
}

class Interpreter extends Evaluator {
  readonly #root: Scope;
  #output = "";
  #depth = 0;

  constructor(root: Scope) {
    super();
    this.#root = root;
  }

  template(program: Body): string {
    const blocks = new Map<string, Thing>();
    this.#root.set(
      "self",
      new Thing("jinja2.runtime.TemplateReference", {
        get: name => blocks.get(name),
        written: () => "<TemplateReference None>",
      }),
    );
    this.#collect(program, blocks);
    return this.#captured(program, this.#root)[0];
  }

  /** The blocks, for `self.name()`. */
  #collect(body: Body, blocks: Map<string, Thing>): void {
    for (const node of body) {
      if (node.type === "If") for (const branch of node.branches) this.#collect(branch.body, blocks);
      if ("body" in node) this.#collect(node.body, blocks);
      if (node.type !== "Block") continue;
      const call = (): Value =>
        this.#deeper(() => this.#captured(node.body, this.#blockScope(node.name, this.#root))[0]);
      blocks.set(node.name, new Thing("jinja2.runtime.BlockReference", { call }));
    }
  }

  #blockScope(name: string, outer: Scope): Scope {
    return new Scope(outer, [["super", new Undefined(`there is no parent block called ${repr(name)}.`)]]);
  }

  /** What a body prints, apart from the output around it. */
  #captured(body: Body, scope: Scope): [string, End] {
    const before = this.#output;
    this.#output = "";
    const end = this.#body(body, scope);
    const written = this.#output;
    this.#output = before;
    return [written, end];
  }

  #deeper<T>(call: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      throw new TemplateFailure("RecursionError", "maximum recursion depth exceeded");
    const result = call();
    this.#depth--;
    return result;
  }

  #print(written: string): void {
    spendGrowth(this.#output.length, written.length);
    this.#output += written;
  }

  #printValue(value: Value): void {
    this.#print(this.autoescape ? escapeText(value) : text(value));
  }

  #body(body: Body, scope: Scope): End {
    for (const node of body) {
      const end = this.#statement(node, scope);
      if (end) return end;
    }
    return undefined;
  }

  #statement(node: Statement, scope: Scope): End {
    spend(1);
    switch (node.type) {
      case "TemplateData":
        this.#print(node.text);
        return undefined;
      case "Output":
        this.#printValue(this.evaluate(node.node, scope));
        return undefined;
      case "If": {
        const branch = node.branches.find(({ test }) => truth(this.evaluate(test, scope)));
        return this.#body(branch?.body ?? node.otherwise, scope);
      }
      case "For":
        return this.#for(node, this.evaluate(node.iterable, scope), scope, 0);
      case "Set":
        this.#assign(node.target, this.evaluate(node.value, scope), scope);
        return undefined;
      case "Break":
      case "Continue":
        return node.type;
      default:
        return this.#rare(node, scope);
    }
  }

  #rare(node: Statement, scope: Scope): End {
    switch (node.type) {
      case "Macro":
        scope.set(node.name!, this.#macro(node, scope));
        return undefined;
      case "CallBlock":
        this.#printValue(this.call(node.call, scope, this.#macro(node.caller, scope)));
        return undefined;
      case "FilterBlock":
      case "SetBlock": {
        const [written, end] = this.#captured(node.body, new Scope(scope));
        if (end) return end;
        const given = this.autoescape ? new Markup(written) : written;
        const value = node.filter ? this.#chain(node.filter, given, scope) : given;
        if (node.type === "SetBlock") this.#assign(node.target, value, scope);
        else this.#printValue(value);
        return undefined;
      }
      case "With": {
        const inner = new Scope(scope);
        const values = node.assigned.map(([, value]) => this.evaluate(value, scope));
        for (const [i, [target]] of node.assigned.entries()) this.#assign(target, values[i]!, inner);
        return this.#body(node.body, inner);
      }
      case "Block":
        return this.#body(node.body, this.#blockScope(node.name, node.scoped ? scope : this.#root));
      case "Generation":
        return this.#body(node.body, new Scope(scope));
      case "Autoescape": {
        const before = this.autoescape;
        this.autoescape = truth(this.evaluate(node.on, scope));
        const end = this.#body(node.body, new Scope(scope));
        this.autoescape = before;
        return end;
      }
      case "Load":
        this.evaluate(node.template, scope);
        throw typeError("no loader for this environment specified");
      default:
        throw new TemplateFailure("TemplateSyntaxError", `${node.type} is not a statement`);
    }
  }

  /** Filters of a block, the innermost of which takes the block's text. */
  #chain(filter: Expression, given: Value, scope: Scope): Value {
    if (filter.type !== "Filter") return this.evaluate(filter, scope);
    return this.filter(filter, filter.node ? this.#chain(filter.node, given, scope) : given, scope);
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.type === "Name") scope.set(target.name, value);
    else if (target.type === "NSRef") assignField(scope.get(target.name), target.attribute, value);
    if (target.type !== "Tuple") return;
    const parts = items(value);
    const expected = target.items.length;
    if (parts.length > expected) throw valueError(`too many values to unpack (expected ${expected})`);
    if (parts.length < expected) {
      throw valueError(`not enough values to unpack (expected ${expected}, got ${parts.length})`);
    }
    for (const [i, part] of target.items.entries()) this.#assign(part, parts[i]!, scope);
  }

  #for(node: For, iterable: Value, outer: Scope, depth: number): End {
    let list = items(iterable);
    if (node.test) {
      const { test } = node;
      list = list.filter(item => {
        const scope = new Scope(outer);
        this.#assign(node.target, item, scope);
        return truth(this.evaluate(test, scope));
      });
    }
    if (list.length === 0) return this.#body(node.otherwise, new Scope(outer));
    const again = (value: Value): Value =>
      this.#deeper(() => {
        const before = this.#output;
        this.#output = "";
        this.#for(node, value, outer, depth + 1);
        const written = this.#output;
        this.#output = before;
        return written;
      });
    const loop = new Loop(list, depth, node.recursive ? again : null);
    for (const [i, item] of list.entries()) {
      spend(4);
      const scope = new Scope(outer);
      loop.index0 = i;
      scope.set("loop", loop);
      this.#assign(node.target, item, scope);
      if (this.#body(node.body, scope) === "Break") break;
    }
    return undefined;
  }

  #macro({ name, parameters, body, uses }: Macro, scope: Scope): Thing {
    const call = (args: Value[], given: Map<string, Value>): Value =>
      this.#deeper(() => {
        spend(10);
        const inner = new Scope(scope);
        const named = new Map(given);
        let hasCaller = false;
        for (const [i, parameter] of parameters.entries()) {
          let value: Value | undefined = args[i];
          if (i >= args.length) {
            value = named.get(parameter.name);
            named.delete(parameter.name);
          }
          if (parameter.name === "caller") hasCaller = true;
          const otherwise = (): Value =>
            parameter.otherwise
              ? this.evaluate(parameter.otherwise, inner)
              : new Undefined(`parameter ${repr(parameter.name)} was not provided`);
          inner.set(parameter.name, orElse(value, otherwise));
        }
        if (uses.has("caller") && !hasCaller) {
          inner.set(
            "caller",
            orElse(named.get("caller"), () => new Undefined("No caller defined")),
          );
          named.delete("caller");
        }
        const title = name === null ? "None" : repr(name);
        if (uses.has("kwargs")) inner.set("kwargs", new Dict(named));
        else if (named.has("caller"))
          throw typeError(`macro ${title} was invoked with two values for the special caller argument`);
        else if (named.size > 0)
          throw typeError(`macro ${title} takes no keyword argument ${repr([...named.keys()][0]!)}`);
        if (uses.has("varargs")) inner.set("varargs", Tuple.from(args.slice(parameters.length)));
        else if (args.length > parameters.length) {
          throw typeError(`macro ${title} takes not more than ${parameters.length} argument(s)`);
        }
        const written = this.#captured(body, inner)[0];
        return this.autoescape ? new Markup(written) : written;
      });
    const fields: Record<string, Value> = {
      name,
      arguments: tuple(...parameters.map(parameter => parameter.name)),
      catch_kwargs: uses.has("kwargs"),
      catch_varargs: uses.has("varargs"),
      caller: uses.has("caller"),
    };
    return new Thing("jinja2.runtime.Macro", {
      call,
      get: field => (Object.hasOwn(fields, field) ? fields[field] : undefined),
      written: () => `<Macro ${name === null ? "anonymous" : repr(name)}>`,
    });
  }
}
