/** How the Markdown of a streamed answer is read: no browser needed. */
import { expect, test } from "@playwright/test";
import { Lexer, lexer, type Token } from "marked";
import { GrowingMarkdown, MAX_NESTING, markdownBlocks } from "../demo/markdown-blocks.ts";
import { healTail } from "../demo/markdown-tail.ts";

const TEXT = `Blue because of **Rayleigh scattering**: *short* waves scatter more.
It is \`f(x)\` to [the fourth](https://example.com/a_b) power.
- one
- **two** *and* a half

| A | B |
| - | - |
| 1 | 2 |

\`\`\`js
const a = "** not bold";
---
\`\`\`

1. first
2. second

The end.`;

function kinds(tokens: readonly Token[]): string[] {
  return tokens.flatMap(token => [
    token.type,
    ...("tokens" in token && token.tokens ? kinds(token.tokens) : []),
  ]);
}

test("no prefix of a text shows a construct that the text does not have", () => {
  const final = new Set(kinds(lexer(TEXT)));
  for (let length = 1; length <= TEXT.length; length++) {
    const prefix = TEXT.slice(0, length);
    const strange = kinds(lexer(healTail(prefix))).filter(kind => !final.has(kind));
    expect(strange, `after ${JSON.stringify(prefix.slice(-40))}`).toEqual([]);
  }
});

test("emphasis is shown from its first letter on, and marks are not", () => {
  for (const [text, healed] of [
    ["so **bol", "so **bol**"],
    ["so **bold*", "so **bold**"],
    ["so **", "so "],
    ["so *it", "so *it*"],
    ["so `co", "so `co`"],
    ["see [the li", "see the li"],
    ["see [the link](https://exa", "see the link"],
    ["a list:\n-", "a list:\n"],
    ["2 * 3", "2 * 3"],
    ["2 * 3 is *s", "2 * 3 is *s*"],
  ] as const) {
    expect(healTail(text)).toBe(healed);
  }
});

test("the inside of an open code fence is left alone", () => {
  expect(healTail("```js\nconst a = **b")).toBe("```js\nconst a = **b");
});

/** Documents whose blocks depend on what follows them: lists that go on, headings below, definitions, open constructs. */
const DOCUMENTS = [
  TEXT,
  "Title\n===\n\nText\n---\n\n    code\n\n    more\n\ntext",
  "- a\n\n- b\n  - c\n\n    d\n\n1. x\n2. y\n\n> q\nlazy\n\n> again",
  "<div>\n\ntext\n</div>\n\n<!-- a\n\nb --> c\n\n| a |\n|-|\n| b |\nafter",
  "[x]: https://example.com\n\nsee [x] and [x][]\n\n~~~\nopen\n\nfence",
  "one\r\n\r\n* two\r\n\r\n\tthree\n\n\n\n***\n# four\nfive\\\nsix",
];

test("a text read as it grows has the blocks of the same text read at once", () => {
  for (const text of DOCUMENTS) {
    const growing = new GrowingMarkdown();
    let shown: Token[] = [];
    for (let length = 1; length <= text.length; length++) {
      const { kept, tokens } = growing.read(text.slice(0, length), false);
      shown = [...shown.slice(0, kept), ...tokens];
    }
    const { tokens } = new GrowingMarkdown().read(text, true);
    expect(JSON.stringify(shown), JSON.stringify(text)).toBe(JSON.stringify(tokens));
  }
});

test("of a growing answer only the tail is parsed again: the work grows with its length, not with the square", () => {
  const { lex } = Lexer.prototype;
  let parsed = 0;
  Lexer.prototype.lex = function (text) {
    parsed += text.length;
    return lex.call(this, text);
  };
  try {
    const work = (paragraphs: number) => {
      const text = `${"Some words of **an** answer.\n\n".repeat(paragraphs)}`;
      const growing = new GrowingMarkdown();
      parsed = 0;
      for (let length = 1; length <= text.length; length += 7) growing.read(text.slice(0, length), false);
      return parsed / text.length;
    };
    const small = work(50);
    expect(small).toBeGreaterThan(1);
    expect(work(1000)).toBeLessThan(small * 1.2);
  } finally {
    Lexer.prototype.lex = lex;
  }
});

function depth(tokens: readonly Token[]): number {
  return tokens.reduce((deepest, token) => {
    const inner = token.type === "list" ? token.items : "tokens" in token ? token.tokens : undefined;
    return Math.max(deepest, 1 + (inner ? depth(inner) : 0));
  }, 0);
}

for (const [name, text] of [
  ["5,000 quotes", `${">".repeat(5000)} a`],
  ["5,000 quotes in lists", `${"> - ".repeat(5000)} a`],
  [
    "a list of 1,000 levels",
    Array.from({ length: 1000 }, (_, level) => `${"  ".repeat(level)}- x`).join("\n"),
  ],
  ["5,000 stars", `${"*".repeat(5000)}a${"*".repeat(5000)}`],
  ["5,000 brackets", `${"[".repeat(5000)}a${"](b)".repeat(5000)}`],
] as const) {
  test(`${name}: nesting has an end, nothing overflows, and no text is lost`, () => {
    const start = performance.now();
    const tokens = markdownBlocks(text);
    // a freeze took minutes; a second leaves room for a busy machine
    expect(performance.now() - start).toBeLessThan(5000);
    expect(tokens.map(({ raw }) => raw).join("")).toBe(text);
    // each level of a list takes two: the list and its item
    expect(depth(tokens)).toBeLessThanOrEqual(3 * (MAX_NESTING + 1) + 2);
  });
}
