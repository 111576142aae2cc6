/**
 * Mutated templates and contexts: each must give a text or one of the template's own errors, within a second. A failure
 * says the seed of its case: `fuzzTemplates({ seed, until: 0 })` runs that one case again.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../../src/errors.ts";
import { createRenderer } from "../../src/tokenizer/chat-template.ts";
import { TemplateFailure } from "../../src/tokenizer/jinja/failure.ts";
import { createRandom } from "../unit/support/tokenizer-files.ts";

export interface FuzzOptions {
  /** Of the first case; the next ones count up. */
  seed: number;
  /** `performance.now()` after which no case is begun; the first always runs. */
  until: number;
}

const golden = join(import.meta.dirname, "../golden");
const read = (path: string) => JSON.parse(readFileSync(join(golden, path), "utf8"));
type Message = { role: string; content: unknown };

function corpus(): { sources: string[]; contexts: Record<string, unknown>[] } {
  const sources: string[] = [];
  const contexts: Record<string, unknown>[] = [];
  for (const name of ["cases.json", "more.json"]) {
    const { cases, context } = read(`jinja/${name}`) as { cases: { template: string }[]; context: object };
    sources.push(...cases.map(({ template }) => template));
    contexts.push({ ...context });
  }
  for (const name of readdirSync(join(golden, "templates")).filter(file => file.endsWith(".json"))) {
    const { template, cases } = read(`templates/${name}`) as {
      template: string;
      cases: Record<string, { context: Record<string, unknown> }>;
    };
    sources.push(template);
    contexts.push(...Object.values(cases).map(({ context }) => context));
  }
  return { sources, contexts };
}

const pieces = /\{[{%#]-?|-?[}%#]\}|\w+|\s+|[^\w\s]/g;
const values = [
  null,
  true,
  0,
  -1,
  2.5,
  1e300,
  "",
  "{{ x }}",
  "\ud800",
  "a\u0000b",
  [],
  {},
  [[]],
  { a: null },
];

/** Deletes, doubles, swaps and takes over pieces from another template. */
function mutate(source: string, other: string, random: (below: number) => number): string {
  const parts = source.match(pieces) ?? [];
  const others = other.match(pieces) ?? [""];
  for (let i = random(6); i >= 0 && parts.length > 0; i--) {
    const at = random(parts.length);
    const from = random(others.length);
    const action = random(4);
    if (action === 0) parts.splice(at, 1 + random(3));
    else if (action === 1) parts.splice(at, 0, ...others.slice(from, from + 1 + random(8)));
    else if (action === 2) parts[at] = others[from]!;
    else parts.splice(at, 0, ...parts.slice(at, at + 1 + random(20)));
  }
  return parts.join("");
}

/** Some of what is inside replaced by odd values. */
function disturb(value: unknown, random: (below: number) => number): unknown {
  if (random(12) === 0) return values[random(values.length)];
  if (Array.isArray(value)) return value.map(item => disturb(item, random));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, disturb(item, random)]));
}

const { sources, contexts } = corpus();

export function fuzzTemplates({ seed, until }: FuzzOptions): void {
  let now = seed;
  do {
    const random = createRandom(now);
    const source = mutate(sources[random(sources.length)]!, sources[random(sources.length)]!, random);
    const context = contexts[random(contexts.length)]!;
    const { messages, ...templateVariables } = (
      random(2)
        ? { ...context, messages: disturb(context.messages, random), odd: disturb([1], random) }
        : context
    ) as {
      messages?: unknown;
    };
    const list = (Array.isArray(messages) ? messages : []).filter(
      (message): message is Message => typeof message?.role === "string",
    );
    const start = performance.now();
    let wrong: unknown = null;
    try {
      // the budget is one rendering's: a renderer of its own parses again
      createRenderer({ bos_token: "<s>" })(source, list, { templateVariables, now: new Date(0) });
    } catch (error) {
      if (!(error instanceof InputError && error.cause instanceof TemplateFailure)) wrong = error;
    }
    const took = performance.now() - start;
    if (wrong || took > 1000) {
      const inner = wrong instanceof Error ? (wrong.cause ?? wrong) : wrong;
      throw new Error(`templates, seed ${now}, ${Math.round(took)} ms: ${inner}\n${source}`, {
        cause: wrong,
      });
    }
    now++;
  } while (performance.now() < until);
}
