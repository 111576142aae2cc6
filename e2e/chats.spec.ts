/** Several chats: kept, renamed, deleted, exported, imported, and shared by tabs. */
import { readFileSync } from "node:fs";
import { chatFile, chatOf, openChats } from "./chat-files.ts";
import { ChatPage } from "./chat-page.ts";
import { expect, test } from "./test.ts";

const SECOND = chatOf(["What is rain?", "Water that falls."], {}, "chat-2");

test("a reload keeps the chats, the one that shows, its draft and the choice of model", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(6);
  const answer = await chat.answerTo("Why is the sky blue?");
  const rows = page.getByTestId("chat-open");
  await expect(rows).toHaveText(["Why is the sky blue?"]);
  await page.getByTestId("new-chat").click();
  await expect(page.getByTestId("welcome")).toBeVisible();
  await chat.prompt.fill("Half a thought");
  await page.reload();
  await expect(page.getByTestId("welcome")).toBeVisible();
  await expect(chat.prompt).toHaveValue("Half a thought");
  await rows.click();
  await expect(chat.prompt).toHaveValue("");
  await expect(page.getByTestId("answer-text")).toHaveText(answer);
  await expect(rows).toHaveAttribute("aria-current", "true");
  await page.reload();
  await expect(page.getByTestId("answer-text")).toHaveText(answer);
  await expect(page.getByTestId("figures")).toContainText("6 tokens");

  await test.step("the conversation goes on where it was, and counts in the context", async () => {
    await chat.ready();
    await expect(page.getByTestId("context")).not.toContainText("Context 0 ");
    await chat.answerTo("And why is it red in the evening?");
    await expect(chat.answers).toHaveCount(2);
  });

  await test.step("the model that was in use is in use again", async () => {
    await chat.loadUrl(server.put("/models/other.gguf", readFileSync("public/models/intab-tiny-q4_0.gguf")));
    await chat.ready("other.gguf");
    await page.reload();
    await chat.ready("other.gguf");
    await expect(chat.answers).toHaveCount(2);
    await expect(page.locator(".note")).toHaveCount(0);
    await chat.limitTokens(4);
    await chat.answerTo("Are you another?");
    await expect(page.locator(".note")).toHaveText("other.gguf answers from here on.");
  });
});

test("by keyboard alone: a chat is renamed, deleted, and put back", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await openChats(page, [chatOf(["Why is the sky blue?", "Because."])]);
  const row = page.getByTestId("chat");
  await page.getByTestId("chat-more").focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("chat-rename").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("chat-name")).toBeFocused();
  await page.keyboard.type("Thrown away");
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("chat-rename")).toBeFocused();
  await expect(page.getByTestId("chat-open")).toHaveText("Why is the sky blue?");
  await page.keyboard.press("Enter");
  await page.keyboard.type("On light");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("chat-open")).toHaveText("On light");
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("chat-more")).toBeFocused();
  await expect(page.getByTestId("chat-rename")).toBeHidden();
  await page.reload();
  await expect(page.getByTestId("chat-open")).toHaveText("On light");

  await page.getByTestId("chat-more").focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("chat-delete").focus();
  await page.keyboard.press("Enter");
  await expect(row).toHaveCount(0);
  await expect(chat.answers).toHaveCount(0);
  await expect(page.getByTestId("chat-undo")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("chat-open")).toBeFocused();
  await expect(page.getByTestId("chat-open")).toHaveText("On light");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("answer-text")).toHaveText("Because.");
});

test("what is deleted stays deleted", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await openChats(page, [chatOf(["Why is the sky blue?", "Because."]), SECOND]);
  await expect(page.getByTestId("chat")).toHaveCount(2);
  const row = page.getByTestId("chat").filter({ hasText: "What is rain?" });
  await row.getByTestId("chat-more").click();
  await row.getByTestId("chat-delete").click();
  await expect(page.getByTestId("chat-open")).toHaveText(["Why is the sky blue?"]);
  await expect(page.getByTestId("answer-text")).toHaveText("Because.");
  await page.reload();
  await expect(page.getByTestId("chat-open")).toHaveText(["Why is the sky blue?"]);
  await expect(chat.answers).toHaveCount(1);
});

test("chats travel as a file: what is exported can be imported elsewhere, and nothing comes twice", async ({
  chat: _,
  page,
  server,
}) => {
  await page.goto(server.url);
  await openChats(page, [chatOf(["Why is the sky blue?", "**Because.**"]), SECOND]);
  const exported = async (click: () => Promise<void>) => {
    const downloading = page.waitForEvent("download");
    await click();
    const download = await downloading;
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
  };
  const all = await exported(() => page.getByTestId("chats-export").click());
  expect(all.name).toBe("intab-all-chats.json");
  expect(JSON.parse(all.text).chats).toHaveLength(2);
  const row = page.getByTestId("chat").filter({ hasText: "What is rain?" });
  await row.getByTestId("chat-more").click();
  const one = await exported(() => row.getByTestId("chat-export").click());
  expect(one.name).toBe("intab-What-is-rain.json");
  expect(JSON.parse(one.text)).toMatchObject({ format: "intab-chats-1", chats: [SECOND] });

  const file = { name: all.name, mimeType: "application/json", buffer: Buffer.from(all.text) };
  await page.getByTestId("chats-file").setInputFiles(file);
  await expect(page.getByTestId("chats-said")).toHaveText("Chats: 0 imported, 2 already here.");

  await row.getByTestId("chat-delete").click();
  await page.getByTestId("chats-file").setInputFiles(file);
  await expect(page.getByTestId("chats-said")).toHaveText("Chats: 1 imported, 1 already here.");
  await expect(page.getByTestId("chat")).toHaveCount(2);
});

test("a file that is no chats, or hostile ones, is refused in words, and nothing of it is taken", async ({
  chat: _,
  page,
  server,
}) => {
  await page.goto(server.url);
  const problem = page.getByTestId("chats-problem");
  const refuses = async (buffer: Buffer, words: string) => {
    await page
      .getByTestId("chats-file")
      .setInputFiles({ name: "x.json", mimeType: "application/json", buffer });
    await expect(problem).toContainText(words);
    await expect(page.getByTestId("chat")).toHaveCount(0);
  };
  await refuses(Buffer.from("GGUF\0\0"), "not a JSON file");
  await refuses(Buffer.from("{}"), "holds no chats of intab");
  const circle = chatOf(["a", "b"]);
  circle.messages[0]!.parent = "m1";
  await refuses(
    chatFile([SECOND, circle]).buffer,
    "Chat 2, message 1 follows a message that is not before it",
  );
  await refuses(chatFile([{ ...SECOND, id: "../../x" }]).buffer, "Chat 1 has no id that can be used");
  await page.getByTestId("chats-file").setInputFiles(chatFile([SECOND]));
  await expect(problem).toBeEmpty();
  await expect(page.getByTestId("chat")).toHaveCount(1);
});

test("what a chat says is text, whatever it says", async ({ chat: _, page, server }) => {
  await page.goto(server.url);
  const nasty =
    '<img src=x onerror="document.title=1"><script>document.title=2</script> [x](javascript:alert(1))';
  await openChats(page, [{ ...chatOf([nasty, nasty]), title: nasty.slice(0, 100) }]);
  await expect(page.getByTestId("question")).toHaveText(nasty);
  await expect(page.getByTestId("answer-text")).toContainText("<img src=x");
  await expect(page.locator("#transcript img, #transcript script, #transcript a, #chats img")).toHaveCount(0);
  await expect(page).toHaveTitle(/intab/);
});

test("two tabs with the same chat lose nothing of each other's; a chat deleted in one goes away in both", async ({
  chat,
  context,
  page,
  server,
}) => {
  await page.goto(server.url);
  await openChats(page, [chatOf(["Why is the sky blue?", "Because."])]);
  await chat.ready();
  await chat.limitTokens(6);
  const other = new ChatPage(await context.newPage());
  await other.page.goto(server.url);
  await other.ready();
  await other.page.getByTestId("chat-open").click();
  await expect(other.answers).toHaveCount(1);

  await chat.answerTo("And red in the evening?");
  await expect(other.answers).toHaveCount(2);
  await other.answerTo("And black at night?");
  await expect(chat.answers).toHaveCount(3);
  await page.getByTestId("new-chat").click();
  await chat.answerTo("Something else");
  await expect(other.page.getByTestId("chat-open")).toHaveText(["Something else", "Why is the sky blue?"]);
  await page.reload();
  await page.getByTestId("chat-open").filter({ hasText: "sky" }).click();
  await expect(page.getByTestId("question")).toHaveText([
    "Why is the sky blue?",
    "And red in the evening?",
    "And black at night?",
  ]);
  const row = other.page.getByTestId("chat").filter({ hasText: "sky" });
  await row.getByTestId("chat-more").click();
  await row.getByTestId("chat-delete").click();
  await expect(page.getByTestId("welcome")).toBeVisible();
  await expect(page.getByTestId("chat-open")).toHaveText(["Something else"]);
});

test("without IndexedDB a chat lasts as long as the page, and the page says so", async ({
  chat,
  page,
  server,
}) => {
  await page.addInitScript(() => {
    const { open } = IDBFactory.prototype;
    IDBFactory.prototype.open = function (name, version) {
      if (name === "intab-chats") throw new DOMException("No storage here.", "SecurityError");
      return open.call(this, name, version);
    };
  });
  await page.goto(server.url);
  await expect(page.getByTestId("chats-problem")).toContainText("last as long as this page");
  await chat.ready();
  await chat.limitTokens(6);
  await chat.answerTo("Hello!");
});
