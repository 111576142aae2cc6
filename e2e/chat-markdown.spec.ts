/** Answers on the page: hostile Markdown, colours of code, and what is copied. */
import { chatOf, openChats } from "./chat-files.ts";
import { expect, test } from "./test.ts";

const NESTED = Array.from({ length: 400 }, (_, level) => `${"  ".repeat(level)}- level ${level}`).join("\n");

test("an answer of nested marks without end is shown in bounded depth, and the page goes on", async ({
  chat: _,
  page,
  server,
}) => {
  await page.goto(server.url);
  const texts = ["Quotes", `${">".repeat(5000)} deep`, "Lists", NESTED, "Stars", `${"*".repeat(4000)}x`];
  await openChats(page, [chatOf(texts)]);
  const answers = page.getByTestId("answer-text");
  await expect(answers).toHaveCount(3);
  await expect(answers.first()).toContainText("deep");
  await expect(answers.nth(1)).toContainText("level 399");
  const depth = await page.evaluate(() => {
    const depthOf = (element: Element): number =>
      1 + Math.max(0, ...[...element.children].map(child => depthOf(child)));
    return depthOf(document.getElementById("transcript")!);
  });
  expect(depth).toBeLessThan(60);
  await page.getByTestId("system").locator("summary").click();
  await expect(page.getByTestId("system-prompt")).toBeVisible();
});

test("code is coloured by its language, without styles in the page, and is copied as it is", async ({
  chat: _,
  context,
  page,
  server,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(server.url);
  const code = 'const a: string = "<b>&amp;";\nexport { a };';
  const answer = `So:\n\n\`\`\`ts\n${code}\n\`\`\`\n\n\`\`\`nonsense\nlet it = be\n\`\`\``;
  await openChats(page, [chatOf(["Show <code>", answer])]);
  const blocks = page.getByTestId("code-block");
  await expect(blocks.first().locator(".hljs-keyword")).toHaveText(["const", "export"]);
  await expect(blocks.first().locator("code")).toHaveText(code);
  await expect(blocks.last().locator("span[class^=hljs]")).toHaveCount(0);
  await expect(page.locator("#transcript style, #transcript [style]")).toHaveCount(0);
  const colours = await blocks
    .first()
    .locator(".hljs-keyword, .hljs-string")
    .evaluateAll(elements => new Set(elements.map(element => getComputedStyle(element).color)).size);
  expect(colours).toBe(2);

  const copied = async (button: ReturnType<typeof page.getByRole>) => {
    await button.click();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  expect(await copied(page.getByRole("button", { name: "Copy code" }).first())).toBe(code);
  expect(await copied(page.getByRole("button", { name: "Copy answer" }))).toBe(answer);
  expect(await copied(page.getByRole("button", { name: "Copy message" }))).toBe("Show <code>");
});

test("without the grammars code stays readable", async ({ chat: _, page, server }) => {
  await page.route(/\/highlight-[^/]*\.js$/, route => route.abort());
  await page.goto(server.url);
  await openChats(page, [chatOf(["Show", "```js\nlet a;\n```"])]);
  await expect(page.getByTestId("code-block").locator("code")).toHaveText("let a;");
});
