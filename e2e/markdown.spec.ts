/** The streamed Markdown's unfinished end: no browser needed. */
import { expect, test } from "@playwright/test";
import { lexer, type Token } from "marked";
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
