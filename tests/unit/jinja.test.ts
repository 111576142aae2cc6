/** Templates against Python's Jinja: 545 small ones (tests/golden/jinja/make.py made them) and real ones. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileTemplate } from "../../src/tokenizer/jinja/template.ts";
import { noSharedGolden, readJson, sharedGolden, why } from "./support/tokenizer-files.ts";

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

test("small templates render as in Python, and fail where it fails", () => {
  const { cases, context, now } = readJson(join(import.meta.dirname, "../golden/jinja/cases.json")) as {
    cases: Small[];
    context: Record<string, unknown>;
    now: string;
  };
  expect(cases).toHaveLength(545);
  for (const { template, text, error, message } of cases) {
    const got = render(template, context, now);
    expect(got.text, template).toBe(text);
    expect(got.error, template).toBe(error);
    // the words of a syntax error are the library's
    if (error !== undefined && error !== "TemplateSyntaxError" && error !== "ZeroDivisionError") {
      expect(got.message, template).toBe(message);
    }
  }
});

test("a template that never ends is stopped", () => {
  expect(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", {}, "2026-01-01").error).toBe(
    "RecursionError",
  );
  expect(render("{{ range(10000000) | length }}", {}, "2026-01-01").error).toBe("OverflowError");
});

describe.skipIf(noSharedGolden)(`real templates equal transformers${why}`, () => {
  const files = noSharedGolden ? [] : readdirSync(join(sharedGolden, "templates"));
  test.each(files)("%s", file => {
    const { template, cases, now } = readJson(join(sharedGolden, "templates", file)) as {
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
