/** The `loop` variable. */
import { equal } from "./compare.ts";
import { TemplateFailure, typeError } from "./failure.ts";
import { method, orElse, Thing, Undefined, type Value } from "./values.ts";

export class Loop extends Thing {
  /** Counts up as the loop goes on. */
  index0 = 0;

  /** `again` runs the body over other items, for `loop(...)` in a recursive loop. */
  constructor(list: readonly Value[], depth: number, again: ((value: Value) => Value) | null) {
    const fields: Record<string, () => Value> = {
      index: () => this.index0 + 1,
      index0: () => this.index0,
      revindex: () => list.length - this.index0,
      revindex0: () => list.length - this.index0 - 1,
      first: () => this.index0 === 0,
      last: () => this.index0 === list.length - 1,
      length: () => list.length,
      depth: () => depth + 1,
      depth0: () => depth,
      previtem: () => orElse(list[this.index0 - 1], () => new Undefined("there is no previous item")),
      nextitem: () => orElse(list[this.index0 + 1], () => new Undefined("there is no next item")),
      cycle: () =>
        method(args => {
          if (args.length === 0) throw typeError("no items for cycling given");
          return args[this.index0 % args.length]!;
        }),
      changed: () => changed,
    };
    let last: Value[] | undefined;
    const changed = method(args => {
      const same = last !== undefined && equal(last, args);
      last = args;
      return !same;
    });
    super("jinja2.runtime.LoopContext", {
      get: name => (Object.hasOwn(fields, name) ? fields[name]!() : undefined),
      call: args => {
        if (!again) throw typeError("The loop must have the 'recursive' marker to be enabled.");
        if (args.length !== 1) throw new TemplateFailure("TypeError", "loop() takes one argument");
        return again(args[0]!);
      },
      written: () => `<LoopContext ${this.index0 + 1}/${list.length}>`,
    });
  }
}
