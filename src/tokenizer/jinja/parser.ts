/** Tokens to statements. */
import { Expressions } from "./expressions.ts";
import { spend } from "./failure.ts";
import { tokenize } from "./lexer.ts";
import type { Body, Call, Macro, Parameter, Statement, Target } from "./nodes.ts";

/** @throws TemplateFailure TemplateSyntaxError, TemplateAssertionError, SyntaxError */
export function parseTemplate(source: string): Body {
  return new Parser(source, tokenize(source)).template();
}

const macroNames = ["caller", "kwargs", "varargs"];

class Parser extends Expressions {
  /** Around what is parsed: `break` needs a loop in the same macro. */
  #inLoop = false;
  readonly #blocks = new Set<string>();
  readonly #tags: Record<string, () => Statement> = {
    for: () => this.#for(),
    if: () => this.#if(),
    set: () => this.#set(),
    with: () => this.#with(),
    macro: () => this.#macro(),
    call: () => this.#callBlock(),
    filter: () => ({
      type: "FilterBlock",
      filter: this.filters(null, true)!,
      body: this.#closed("endfilter"),
    }),
    block: () => this.#block(),
    autoescape: () => ({ type: "Autoescape", on: this.expression(), body: this.#closed("endautoescape") }),
    generation: () => ({ type: "Generation", body: this.#apart(() => this.#closed("endgeneration")) }),
    print: () => ({ type: "Output", node: this.#printed() }),
    break: () => this.#jump("Break"),
    continue: () => this.#jump("Continue"),
    extends: () => this.#load(),
    include: () => this.#load(),
    import: () => this.#load(),
    from: () => this.#load(),
  };

  template(): Body {
    const body = this.#statements([]);
    if (this.unknown) throw this.unknown;
    return body;
  }

  /** Up to one of the tags `ends`, whose name is then next. */
  #statements(ends: readonly string[]): Body {
    const body: Statement[] = [];
    for (;;) {
      const token = this.next();
      if (token.type === "data") body.push({ type: "TemplateData", text: token.value as string });
      else if (token.type === "eof") {
        if (ends.length === 0) return body;
        throw this.fail(`Unexpected end of template, looking for ${ends.join(" or ")}`);
      } else if (token.value === "{{") {
        body.push({ type: "Output", node: this.tuple() });
        this.expect("}}");
      } else {
        if (this.now.type === "name" && ends.includes(this.now.value as string)) return body;
        body.push(this.nested(() => this.#statement()));
        this.expect("%}");
      }
    }
  }

  #statement(): Statement {
    const name = this.now.type === "name" ? (this.now.value as string) : "";
    if (!Object.hasOwn(this.#tags, name)) {
      throw this.fail(name === "" ? "tag name expected" : `Encountered unknown tag '${name}'`);
    }
    this.next();
    return this.#tags[name]!();
  }

  /** The rest of a tag, and what follows up to one of `ends`. */
  #body(ends: readonly string[]): Body {
    this.skip(":");
    this.expect("%}");
    return this.#statements(ends);
  }

  #closed(end: string): Body {
    const body = this.#body([end]);
    this.next();
    return body;
  }

  /** What becomes a function of its own in Python: a loop outside does not reach into it. */
  #apart<T>(parse: () => T): T {
    const { soft } = this;
    const inLoop = this.#inLoop;
    this.soft = false;
    this.#inLoop = false;
    const result = parse();
    this.soft = soft;
    this.#inLoop = inLoop;
    return result;
  }

  #for(): Statement {
    const target = this.target("in");
    this.expect("in");
    const iterable = this.tuple(false, "recursive");
    const test = this.skip("if") ? this.expression() : null;
    const recursive = this.skip("recursive");
    this.#noLoopName(target);
    const { soft } = this;
    const inLoop = this.#inLoop;
    this.soft = false;
    this.#inLoop = true;
    const body = this.#body(["endfor", "else"]);
    this.#inLoop = recursive ? false : inLoop;
    let otherwise: Body = [];
    if (this.next().value === "else") otherwise = this.#closed("endfor");
    this.soft = soft;
    this.#inLoop = inLoop;
    return { type: "For", target, iterable, test, recursive, body, otherwise };
  }

  #noLoopName(target: Target): void {
    if (target.type === "Tuple") for (const item of target.items) this.#noLoopName(item);
    else if (target.name === "loop") {
      throw this.fail("Can't assign to special loop variable in for-loop", "TemplateAssertionError");
    }
  }

  #if(): Statement {
    const { soft } = this;
    this.soft = true;
    const branches: { test: ReturnType<Parser["tuple"]>; body: Body }[] = [];
    let otherwise: Body = [];
    for (;;) {
      branches.push({ test: this.tuple(false), body: this.#body(["elif", "else", "endif"]) });
      const { value } = this.next();
      if (value === "elif") continue;
      if (value === "else") otherwise = this.#closed("endif");
      break;
    }
    this.soft = soft;
    return { type: "If", branches, otherwise };
  }

  #set(): Statement {
    const target = this.target("", true);
    if (this.#inLoop) this.#noLoopName(target);
    if (this.skip("=")) return { type: "Set", target, value: this.tuple() };
    return { type: "SetBlock", target, filter: this.filters(null), body: this.#closed("endset") };
  }

  #with(): Statement {
    const assigned: [Target, ReturnType<Parser["expression"]>][] = [];
    while (this.now.type !== "end") {
      if (assigned.length > 0) this.expect(",");
      const target = this.target();
      this.expect("=");
      assigned.push([target, this.expression()]);
    }
    return { type: "With", assigned, body: this.#closed("endwith") };
  }

  #parameters(): Parameter[] {
    const parameters: Parameter[] = [];
    this.expect("(");
    while (!this.is(")")) {
      if (parameters.length > 0) this.expect(",");
      const name = this.expectName();
      spend(parameters.length / 4);
      if (parameters.some(known => known.name === name)) {
        this.unknown ??= this.fail(`duplicate argument '${name}' in function definition`, "SyntaxError");
      }
      const otherwise = this.skip("=") ? this.expression() : null;
      if (!otherwise && parameters.at(-1)?.otherwise)
        throw this.fail("non-default argument follows default argument");
      parameters.push({ name, otherwise });
    }
    this.expect(")");
    return parameters;
  }

  #macro(): Macro {
    return this.#function(this.expectName(), () => this.#parameters(), "endmacro");
  }

  #function(name: string | null, head: () => Parameter[], end: string): Macro {
    const outer = this.names;
    const parameters = head();
    this.names = new Set();
    const body = this.#apart(() => this.#closed(end));
    const uses = new Set(
      macroNames.filter(known => this.names.has(known) && !parameters.some(p => p.name === known)),
    );
    // what an inner macro speaks of, the outer one does too, but for its own three
    for (const used of this.names) outer.add(used);
    this.names = outer;
    return { type: "Macro", name, parameters, body, uses };
  }

  #callBlock(): Statement {
    let call: Call | null = null;
    const caller = this.#function(
      null,
      () => {
        const parameters = this.is("(") ? this.#parameters() : [];
        const called = this.expression();
        if (called.type !== "Call") throw this.fail("expected call");
        call = called;
        return parameters;
      },
      "endcall",
    );
    return { type: "CallBlock", call: call!, caller };
  }

  #block(): Statement {
    const name = this.expectName();
    if (this.#blocks.has(name)) throw this.fail(`block '${name}' defined twice`, "TemplateAssertionError");
    this.#blocks.add(name);
    const scoped = this.skip("scoped");
    const required = this.skip("required");
    const body = this.#apart(() => this.#closed("endblock"));
    if (required && body.some(node => node.type !== "TemplateData" || node.text.trim() !== "")) {
      throw this.fail("Required blocks can only contain comments or whitespace");
    }
    this.skip(name);
    return { type: "Block", name, scoped, body };
  }

  #printed(): ReturnType<Parser["expression"]> {
    const items = [];
    while (this.now.type !== "end") {
      if (items.length > 0) this.expect(",");
      items.push(this.expression());
    }
    return items.length === 1 ? items[0]! : { type: "Concat", items };
  }

  #jump(type: "Break" | "Continue"): Statement {
    if (!this.#inLoop) {
      const message = type === "Break" ? "'break' outside loop" : "'continue' not properly in loop";
      this.unknown ??= this.fail(message, "SyntaxError");
    }
    return { type };
  }

  /** There is nothing to load from, so that what else the tag says does not matter. */
  #load(): Statement {
    const template = this.expression();
    while (this.now.type !== "end" && this.now.type !== "eof") this.next();
    return { type: "Load", template };
  }
}
