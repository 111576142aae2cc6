/**
 * Source to syntax tree, by the lexer and parser of @huggingface/jinja. The parser knows tests without arguments only
 * (`x is none`), so those with one (`n is divisibleby 2`, `role is in [...]`) are given to it as the filters that they
 * look like, under a name that begins with `is `.
 */
import { parse as parseTokens, tokenize } from "@huggingface/jinja";
import { prepareSource } from "./source.ts";
import { TemplateFailure } from "./values.ts";

/** A node of the tree: the library exports no types for them. */
export interface Node {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: fields depend on `type`
  readonly [field: string]: any;
}

type Token = ReturnType<typeof tokenize>[number];

const openings = ["OpenParen", "OpenSquareBracket", "OpenCurlyBracket"];
const closings = ["CloseParen", "CloseSquareBracket", "CloseCurlyBracket"];
const literals = ["StringLiteral", "NumericLiteral"];
/** Names that follow a test without being its argument. */
const keywords = new Set(["and", "or", "not", "if", "else", "is", "in", "recursive"]);

/** @throws TemplateFailure TemplateSyntaxError */
export function parseTemplate(source: string): Node {
  try {
    return parseTokens(testsAsFilters(tokenize(prepareSource(source)))) as unknown as Node;
  } catch (cause) {
    if (cause instanceof TemplateFailure) throw cause;
    throw new TemplateFailure("TemplateSyntaxError", cause instanceof Error ? cause.message : String(cause));
  }
}

function testsAsFilters(tokens: readonly Token[]): Token[] {
  const result: Token[] = [];
  const isName = (token: Token | undefined, ...names: string[]): boolean =>
    token?.type === "Identifier" && names.includes(token.value);
  for (let i = 0; i < tokens.length; i++) {
    const afterDot = tokens[i - 1]?.type === "Dot";
    const start = i + (isName(tokens[i + 1], "not") ? 2 : 1);
    const name = tokens[start];
    const argument = tokens[start + 1];
    const takesArgument =
      isName(tokens[i], "is") &&
      !afterDot &&
      name?.type === "Identifier" &&
      argument !== undefined &&
      (openings.includes(argument.type) ||
        literals.includes(argument.type) ||
        (argument.type === "Identifier" && !keywords.has(argument.value)));
    if (!takesArgument) {
      result.push(tokens[i]!);
      continue;
    }
    const make = (type: string, value: string): Token => ({ type, value }) as Token;
    result.push(make("Pipe", "|"), make("Identifier", `is ${start > i + 1 ? "not " : ""}${name.value}`));
    if (argument.type === "OpenParen") {
      i = start;
      continue;
    }
    const end = operandEnd(tokens, start + 1);
    const operand = testsAsFilters(tokens.slice(start + 1, end));
    result.push(make("OpenParen", "("), ...operand, make("CloseParen", ")"));
    i = end - 1;
  }
  return result;
}

/** Where an operand that starts at `start` ends: a literal, a name or brackets, and what is called on it. */
function operandEnd(tokens: readonly Token[], start: number): number {
  let at = openings.includes(tokens[start]!.type) ? closingOf(tokens, start) + 1 : start + 1;
  for (;;) {
    const type = tokens[at]?.type;
    if (type === "Dot") at += 2;
    else if (type === "OpenParen" || type === "OpenSquareBracket") at = closingOf(tokens, at) + 1;
    else return at;
  }
}

function closingOf(tokens: readonly Token[], start: number): number {
  let depth = 0;
  for (let i = start; i < tokens.length; i++) {
    if (openings.includes(tokens[i]!.type)) depth++;
    if (closings.includes(tokens[i]!.type) && --depth === 0) return i;
  }
  throw new TemplateFailure("TemplateSyntaxError", "a bracket is not closed");
}
