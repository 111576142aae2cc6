/** Every state of the chats, wide and narrow, light and dark: no rule of axe is broken, and nothing sticks out. */
import type { ChatData } from "../demo/chats/chat-data.ts";
import { expectAccessible } from "./axe.ts";
import { chatFile, chatOf } from "./chat-files.ts";
import { shoot } from "./shoot.ts";
import { expect, test } from "./test.ts";

const ANSWER = `Short waves **scatter** more, see [Rayleigh](https://example.com).

\`\`\`ts
// the fourth power
const share = (wave: number): string => \`\${1 / wave ** 4}\`;
\`\`\`

| Colour | Share |
| - | -: |
| blue | 4.4 |

> Quoted, with \`code\`

1. one
2. two
   - [ ] a task`;

const FIGURES = { tokens: 120, firstTokenMs: 140, tokensPerSecond: 52 };

/** With versions of a question and of its answers, one of them cut off, one failed. */
function branched(): ChatData {
  const chat = chatOf(["Why is the sky blue?", ANSWER, "And at night?", "It is"], { figures: FIGURES });
  const [, , question, answer] = chat.messages;
  chat.messages.push({ ...question!, id: "q2", text: "And in the evening, when the sun is low?" });
  if (answer?.role !== "assistant") throw new Error("No answer.");
  const failed = {
    id: "a2",
    parent: "q2",
    text: "",
    state: "failed",
    problem: "The GPU is lost.",
    figures: null,
  } as const;
  chat.messages.push(
    { ...answer, ...failed },
    { ...answer, id: "a3", parent: "q2", state: "length", text: "It is dark." },
  );
  return { ...chat, leaf: "a3", system: "Answer like a physicist who has little time." };
}

const OTHER = {
  ...chatOf(["What is rain?", "Water."], {}, "chat-2"),
  title: "A name that is a good deal longer than the list is wide",
};

for (const width of [1280, 360]) {
  test(`the chats are accessible at ${width} pixels`, async ({ chat: _, page, server }) => {
    const check = async (state: string) => {
      await expectAccessible(page, state);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, state).toBeLessThanOrEqual(0);
      await shoot(page, `${state}-${width}`);
    };
    const drawer = async (open: boolean) => {
      if (width < 1000)
        await page
          .getByRole("button", { name: open ? "Chats, models and settings" : "Close the panel" })
          .click();
    };
    await page.setViewportSize({ width, height: 740 });
    await page.goto(server.url);
    await expect(page.getByTestId("send")).toBeDisabled();
    await check("empty");
    await drawer(true);
    await page.getByTestId("chats-file").setInputFiles(chatFile([branched(), OTHER]));
    await expect(page.getByTestId("chat")).toHaveCount(2);
    const row = page
      .getByTestId("chat")
      .filter({ hasText: "What is rain?" })
      .or(page.getByTestId("chat").filter({ hasText: "A name" }));
    await row.getByTestId("chat-more").click();
    await check("list");
    await row.getByTestId("chat-rename").click();
    await check("rename");
    await page.keyboard.press("Escape");
    await row.getByTestId("chat-delete").click();
    await expect(page.getByTestId("chat-undo")).toBeFocused();
    await check("deleted");
    await page.getByTestId("chats-file").setInputFiles(chatFile([{}]));
    await expect(page.getByTestId("chats-problem")).not.toBeEmpty();
    await check("refused");
    await page.getByTestId("chat-open").click();
    await expect(page.getByTestId("continue").filter({ visible: true })).toHaveCount(1);
    await check("end");
    await page.getByTestId("scroller").evaluate(element => element.scrollTo(0, 0));
    await expect(page.locator(".hljs-keyword")).not.toHaveCount(0);
    await check("start");
    await page.getByTestId("system").locator("summary").click();
    await check("system");
    await page.getByTestId("system").locator("summary").click();
    await page.getByTestId("edit").last().click();
    await check("edit");
    await page.keyboard.press("Escape");
    await page.locator(".answer").last().getByTestId("branch-next").click();
    await expect(page.getByTestId("error")).toBeVisible();
    await check("failed");
  });
}
