/** Templates that would never end, or take gigabytes: stopped with a named error, within a second. */
import { expect, test } from "vitest";
import { compileTemplate } from "../../src/tokenizer/jinja/template.ts";
import { readJson } from "./support/tokenizer-files.ts";

const grow = (start: string, step: string): string =>
  `{% set ns = namespace(x=${start}) %}{% for i in range(100) %}{% set ns.x = ${step} %}{% endfor %}{{ ns.x }}`;
const many = (body: string): string => `{% for i in range(100000) %}${body}{% endfor %}`;

const limit = "TemplateLimitError";
const attacks: [what: string, template: string, error: string][] = [
  ["nested ranges", many(many(many(""))), limit],
  ["a list of 10^9", "{{ [0] * 10**9 }}", limit],
  ["a text of 10^12", "{{ 'x' * 10**12 }}", limit],
  ["a doubling text", grow("'x'", "ns.x ~ ns.x"), limit],
  ["a doubling text, replaced", grow("'xy'", "ns.x | replace('x', 'xx') | replace('y', 'yy')"), limit],
  ["a doubling list", grow("[1]", "ns.x + ns.x"), limit],
  ["a list in itself twice", grow("[1]", "[ns.x, ns.x]"), limit],
  [
    "a tuple in itself twice, as a key",
    grow("(1,)", "(ns.x, ns.x)").replace("{{ ns.x }}", "{{ {ns.x: 1} }}"),
    limit,
  ],
  ["a wide indent", "{{ 'a\nb' | indent(10**9) }}", limit],
  ["a wide centre", "{{ 'a'.center(10**9) }}", limit],
  ["a wide format", "{{ '{:{w}}'.format(1, w=10**9) }}{{ '%*d' % (10**9, 1) }}", limit],
  ["a wide tab", "{{ ('\t' * 100000).expandtabs(1000) }}", limit],
  ["a deep JSON indent", "{{ [1] | tojson(indent=10**9) }}", limit],
  ["a power of powers", "{{ 9**(9**9) }}", limit],
  ["squares of squares", grow("2", "ns.x * ns.x"), limit],
  ["many searches of a long text", `{% set s = 'a' * 2000000 %}${many("{{ s.find('b') }}")}`, limit],
  ["many comparisons of long texts", `{% set s = 'a' * 2000000 %}${many("{{ s ~ 'a' == s ~ 'b' }}")}`, limit],
  ["many sorts", `{% set l = range(100000) | list %}${many("{{ l | sort | length }}")}`, limit],
  ["a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"],
  [
    "a macro that calls itself twice",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(100) }}",
    limit,
  ],
  ["a loop that calls itself", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "RecursionError"],
  ["deep brackets", `{{ ${"[".repeat(5000)}${"]".repeat(5000)} }}`, "RecursionError"],
  ["deep blocks", "{% if 1 %}".repeat(5000), "RecursionError"],
  ["a long sum", `{{ 1${" + 1".repeat(100_000)} }}`, "RecursionError"],
  ["many tags", "{% if 0 %}".concat("{% elif 0 %}".repeat(300_000), "{% endif %}"), limit],
  ["a long number", `{{ ${"9".repeat(100_000)} }}`, "TemplateSyntaxError"],
  ["unclosed keys in a format", "{{ ('%(' * 1000000) % {} }}", "ValueError"],
  ["a range beyond the sandbox", "{{ range(10000000) | length }}", "OverflowError"],
];

test.each(attacks)("%s", (_, template, error) => {
  const start = performance.now();
  expect(() => compileTemplate(template)({}, new Date())).toThrow(expect.objectContaining({ name: error }));
  expect(performance.now() - start).toBeLessThan(1000);
  // the next one has a budget of its own
  expect(compileTemplate("{{ 1 + 1 }}")({}, new Date())).toBe("2");
});

test("batch(0) ends, as in Python", () => {
  expect(compileTemplate("{{ [1, 2] | batch(0) | list }}")({}, new Date())).toBe("[[], [1, 2]]");
});

test("a conversation of 200,000 tokens is far from the limits", () => {
  const messages = Array.from({ length: 4000 }, (_, i) => ({
    role: i % 2 ? "assistant" : "user",
    content: `${i} ${"some words of a message ".repeat(9)}`,
  }));
  for (const name of ["Qwen3.5-4B", "openai-gpt-oss-120b", "HuggingFaceTB-SmolLM3-3B"]) {
    const { template } = readJson(`tests/golden/templates/${name}.json`) as { template: string };
    const text = compileTemplate(template)({ messages, add_generation_prompt: true }, new Date());
    expect(text.length).toBeGreaterThan(800_000);
  }
});
