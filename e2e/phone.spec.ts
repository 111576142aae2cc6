/** The chat on a phone: large enough to touch, and room for the conversation, upright and on its side. */
import { chatOf, openChats } from "./chat-files.ts";
import { shoot } from "./shoot.ts";
import { expect, test } from "./test.ts";

test.use({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });

/** Of a fingertip, in CSS pixels (WCAG 2.5.5). */
const TARGET = 44;

test("what the chat offers is at least 44 pixels high and wide, and nothing sticks out", async ({
  chat: _,
  page,
  server,
}) => {
  await page.goto(server.url);
  await page.getByTestId("panel-open").tap();
  const chat = chatOf(["Why is the sky blue?", "Because."], { state: "length" });
  const [question] = chat.messages;
  chat.messages.push({ ...question!, id: "other" });
  await openChats(page, [chat]);
  await expect(page.getByTestId("continue")).toBeVisible();
  const small = (scope: string) =>
    page.locator(`${scope} :is(button, summary)`).evaluateAll(
      (elements, least) =>
        elements
          .map(element => ({ rect: element.getBoundingClientRect(), name: element.outerHTML.slice(0, 90) }))
          .filter(({ rect }) => rect.width > 0 && (rect.width < least || rect.height < least))
          .map(({ rect, name }) => `${rect.width} x ${rect.height}: ${name}`),
      TARGET,
    );
  expect(await small(".system, .transcript, .composer")).toEqual([]);
  expect(await small(".bar")).toEqual([]);
  await shoot(page, "phone");
  await page.getByTestId("edit").tap();
  expect(await small(".edit")).toEqual([]);
  await page.getByTestId("panel-open").tap();
  await page.getByTestId("chat-more").tap();
  expect(await small(".chats")).toEqual([]);
  await shoot(page, "phone-drawer");
  await page.getByTestId("chat-rename").tap();
  expect(await small(".chats")).toEqual([]);
  await shoot(page, "phone-rename");
  await page.locator(".chats").getByRole("button", { name: "Cancel" }).tap();
  await expect(page.getByTestId("chat-rename")).toBeFocused();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});

test("on its side a phone shows the conversation, not only what is around it", async ({
  chat,
  page,
  server,
}) => {
  await page.setViewportSize({ width: 740, height: 360 });
  await page.goto(server.url);
  await chat.ready();
  await page.getByTestId("panel-open").tap();
  await openChats(page, [chatOf(["Why is the sky blue?", "Because.\n\n".repeat(40)])]);
  const height = await page.getByTestId("scroller").evaluate(element => element.clientHeight);
  await shoot(page, "phone-on-its-side");
  // five lines, below the notice about the software adapter
  expect(height).toBeGreaterThan(5 * 26);
  const status = await page.locator(".status").boundingBox();
  expect(status?.height).toBeLessThan(30);
});
