/** Templates against Python's Jinja: small ones (tests/golden/jinja/make.py made them), reduced faults, and real ones. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileTemplate } from "../../src/tokenizer/jinja/template.ts";
import { readJson } from "./support/tokenizer-files.ts";

const golden = join(import.meta.dirname, "../golden");

const render = (template: string, context: Record<string, unknown>, now: string) => {
  try {
    return { text: compileTemplate(template)(context, new Date(now)) };
  } catch (error) {
    const { name, message } = error as Error;
    return { error: name, message };
  }
};

interface Small {
  template: string;
  text?: string;
  error?: string;
  message?: string;
}

/** Errors whose words are Jinja's or the template's own; those of Python's other errors differ from version to version. */
const ownWords = [
  "SecurityError",
  "TemplateAssertionError",
  "TemplateError",
  "TemplateRuntimeError",
  "UndefinedError",
];

test.each([
  ["cases.json", 545],
  ["more.json", 1180],
])("the small templates of %s render as in Python, and fail where it fails", (file, least) => {
  const { cases, context, now } = readJson(join(golden, "jinja", file)) as {
    cases: Small[];
    context: Record<string, unknown>;
    now: string;
  };
  expect(cases.length).toBeGreaterThanOrEqual(least);
  for (const { template, text, error, message } of cases) {
    const got = render(template, context, now);
    expect({ text: got.text, error: got.error }, template).toEqual({ text, error });
    if (ownWords.includes(error!) && !message!.includes("special loop variable")) {
      expect(got.message?.replace(/ \(line \d+\)$/, ""), template).toBe(message);
    }
  }
});

test("templates that failed once render as in Python", () => {
  const folder = join(golden, "jinja/faults");
  const expected = readJson(join(folder, "expected.json")) as Record<
    string,
    { text?: string; error?: string }
  >;
  const [context] = readJson(join(folder, "messages.json")) as [Record<string, unknown>];
  const files = readdirSync(folder).filter(name => name.endsWith(".jinja"));
  expect(files.sort()).toEqual(Object.keys(expected).sort());
  for (const file of files) {
    const { text, error } = render(readFileSync(join(folder, file), "utf8"), context, "2026-01-15T12:30");
    expect({ text, error }, file).toEqual({ text: undefined, error: undefined, ...expected[file] });
  }
});

describe("real templates equal transformers", () => {
  const files = readdirSync(join(golden, "templates")).filter(name => name.endsWith(".json"));
  expect(files).toHaveLength(12);
  test.each(files)("%s", file => {
    const { template, cases, now } = readJson(join(golden, "templates", file)) as {
      template: string;
      now: string;
      cases: Record<string, { context: Record<string, unknown>; text?: string; error?: string }>;
    };
    const tokens = { bos_token: "<BOS>", eos_token: "<EOS>", unk_token: "<UNK>", pad_token: "<PAD>" };
    expect(Object.keys(cases)).toHaveLength(8);
    for (const [name, { context, text, error }] of Object.entries(cases)) {
      const got = render(template, { ...tokens, ...context }, now);
      expect(got.text, name).toBe(text);
      expect(got.error && `${got.error}: ${got.message}`, name).toBe(error);
    }
  });
});
