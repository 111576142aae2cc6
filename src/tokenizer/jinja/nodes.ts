/** The tree of a template, in the names of Jinja's own. */
import type { Value } from "./values.ts";

export interface Name {
  readonly type: "Name";
  readonly name: string;
}

export interface Arguments {
  readonly args: readonly Expression[];
  readonly named: readonly (readonly [name: string, value: Expression])[];
  /** `*rest` and `**namedRest` */
  readonly rest: Expression | null;
  readonly namedRest: Expression | null;
}

export interface Slice {
  readonly type: "Slice";
  readonly bounds: readonly (Expression | null)[];
}

export interface Call {
  readonly type: "Call";
  readonly node: Expression;
  readonly args: Arguments;
}

/** `node` is `null` in a filter block: the block's text. */
export interface Filter {
  readonly type: "Filter";
  readonly node: Expression | null;
  readonly name: string;
  readonly args: Arguments;
}

export type Expression =
  | Name
  | Slice
  | Call
  | Filter
  | { readonly type: "Const"; readonly value: Value }
  | { readonly type: "Tuple" | "List" | "Concat"; readonly items: readonly Expression[] }
  | { readonly type: "Dict"; readonly items: readonly (readonly [key: Expression, value: Expression])[] }
  | { readonly type: "Getattr"; readonly node: Expression; readonly name: string }
  | { readonly type: "Getitem"; readonly node: Expression; readonly arg: Expression }
  | { readonly type: "Test"; readonly node: Expression; readonly name: string; readonly args: Arguments }
  | {
      readonly type: "Compare";
      readonly node: Expression;
      readonly operands: readonly { readonly operator: string; readonly node: Expression }[];
    }
  | {
      readonly type: "CondExpr";
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression | null;
      readonly line: number;
    }
  | { readonly type: "And" | "Or"; readonly left: Expression; readonly right: Expression }
  | { readonly type: "Not"; readonly node: Expression }
  | { readonly type: "Unary"; readonly operator: string; readonly node: Expression }
  | {
      readonly type: "Binary";
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    };

/** What can be assigned to; `NSRef` is an attribute of a namespace. */
export type Target =
  | Name
  | { readonly type: "NSRef"; readonly name: string; readonly attribute: string }
  | { readonly type: "Tuple"; readonly items: readonly Target[] };

export interface Parameter {
  readonly name: string;
  readonly otherwise: Expression | null;
}

export type Body = readonly Statement[];

export interface For {
  readonly type: "For";
  readonly target: Target;
  readonly iterable: Expression;
  readonly test: Expression | null;
  readonly recursive: boolean;
  readonly body: Body;
  readonly otherwise: Body;
}

/** A macro, or what `{% call %}` hands over. */
export interface Macro {
  readonly type: "Macro";
  readonly name: string | null;
  readonly parameters: readonly Parameter[];
  readonly body: Body;
  /** Which of `caller`, `kwargs` and `varargs` its body speaks of. */
  readonly uses: ReadonlySet<string>;
}

export type Statement =
  | For
  | Macro
  | { readonly type: "TemplateData"; readonly text: string }
  | { readonly type: "Output"; readonly node: Expression }
  | {
      readonly type: "If";
      readonly branches: readonly { readonly test: Expression; readonly body: Body }[];
      readonly otherwise: Body;
    }
  | { readonly type: "CallBlock"; readonly call: Call; readonly caller: Macro }
  | { readonly type: "FilterBlock"; readonly filter: Filter; readonly body: Body }
  | { readonly type: "Set"; readonly target: Target; readonly value: Expression }
  | {
      readonly type: "SetBlock";
      readonly target: Target;
      readonly filter: Filter | null;
      readonly body: Body;
    }
  | {
      readonly type: "With";
      readonly assigned: readonly (readonly [target: Target, value: Expression])[];
      readonly body: Body;
    }
  | { readonly type: "Block"; readonly name: string; readonly scoped: boolean; readonly body: Body }
  | { readonly type: "Autoescape"; readonly on: Expression; readonly body: Body }
  | { readonly type: "Generation"; readonly body: Body }
  | { readonly type: "Break" | "Continue" }
  /** `extends`, `include`, `import`: there is nothing to load from. */
  | { readonly type: "Load"; readonly template: Expression };
