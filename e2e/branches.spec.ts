/** Messages in several versions: edited, answered again, gone on with, stopped, and too long. */
import { chatOf, openChats, storedChats } from "./chat-files.ts";
import { BUILT_IN } from "./server.ts";
import { expect, test } from "./test.ts";

test("an edited question and an answer given again are versions, and one can go back to each", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await openChats(page, [
    chatOf(["Why is the sky blue?", "Because of the air.", "And at night?", "It is dark."]),
  ]);
  await chat.ready();
  await chat.limitTokens(6);
  const questions = page.getByTestId("question");
  const edit = page.getByTestId("edit");

  await test.step("Escape and an unchanged mind leave it as it was", async () => {
    await edit.last().click();
    await expect(page.getByTestId("edit-field")).toBeFocused();
    await expect(page.getByTestId("edit-field")).toHaveValue("And at night?");
    await page.keyboard.press("Escape");
    await expect(page.getByTestId("edit-form")).toHaveCount(0);
    await expect(edit.last()).toBeFocused();
  });

  await test.step("an edit asks again, with what was said before it", async () => {
    await edit.last().click();
    await page.getByTestId("edit-field").fill("And on the moon?");
    await page.keyboard.press("Enter");
    await expect(chat.answers.last()).toHaveAttribute("data-state", /^(stop|length)$/);
    await expect(questions).toHaveText(["Why is the sky blue?", "And on the moon?"]);
    await expect(page.getByTestId("branch").filter({ visible: true })).toHaveText(["2/2"]);
  });

  await test.step("an answer given again is the other version of it", async () => {
    const first = await chat.answers.last().getByTestId("answer-text").textContent();
    await page.getByTestId("again").last().click();
    await expect(page.getByTestId("branch").filter({ visible: true })).toHaveText(["2/2", "2/2"]);
    await expect(chat.answers.last()).toHaveAttribute("data-state", /^(stop|length)$/);
    await chat.answers.last().getByTestId("branch-previous").click();
    await expect(chat.answers.last().getByTestId("branch")).toHaveText("1/2");
    await expect(chat.answers.last().getByTestId("answer-text")).toHaveText(first!);
    await expect(chat.answers.last().getByTestId("branch-previous")).toBeFocused();
  });

  await test.step("the way back to the first question is kept over a reload", async () => {
    const turn = page.locator(".turn").last();
    await turn.getByTestId("branch-next").focus();
    await page.keyboard.press("Enter");
    await expect(questions).toHaveText(["Why is the sky blue?", "And at night?"]);
    await expect(chat.answers.last().getByTestId("answer-text")).toHaveText("It is dark.");
    await expect(page.locator(".turn").last().getByTestId("branch-next")).toBeFocused();
    await expect.poll(async () => (await storedChats(page))[0]?.leaf).toBe("m3");
    await page.reload();
    await expect(questions).toHaveText(["Why is the sky blue?", "And at night?"]);
    await page.locator(".turn").last().getByTestId("branch-previous").click();
    await expect(questions).toHaveText(["Why is the sky blue?", "And on the moon?"]);
  });
});

test("an answer that was cut off, by the limit or by Stop, goes on where it ended", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(8);
  await page.getByTestId("setting-seed").fill("3");
  await page.getByTestId("setting-temperature").fill("0");
  const first = await chat.answerTo("Write a long story about a lighthouse.");
  await expect(chat.answers).toHaveAttribute("data-state", "length");
  await page.getByTestId("continue").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("figures")).toContainText("16 tokens");
  // the button that had the focus is gone: the next to it has it, by way of "Stop"
  await expect(page.getByTestId("again")).toBeFocused();
  const whole = (await page.getByTestId("answer-text").textContent())!;
  expect(whole.startsWith(first)).toBe(true);
  expect(whole.length).toBeGreaterThan(first.length);

  await test.step("greedily, both halves are the answer that is given at once", async () => {
    await chat.limitTokens(16);
    await page.getByTestId("again").click();
    await expect(page.getByTestId("branch").filter({ visible: true })).toHaveText("2/2");
    await expect(page.getByTestId("figures")).toContainText("16 tokens");
    await expect(page.getByTestId("answer-text")).toHaveText(whole);
  });

  await test.step("what is there when it is stopped stays, and goes on", async () => {
    await page.getByTestId("setting-maxTokens").fill("");
    await chat.ask("Write another one, with many chapters.");
    const text = chat.answers.last().getByTestId("answer-text");
    await expect(text).not.toBeEmpty();
    await page.getByTestId("stop").click();
    const stopped = await chat.answer("abort");
    await page.reload();
    await expect(text).toHaveText(stopped);
    await chat.ready();
    await chat.limitTokens(4);
    await page.getByTestId("continue").filter({ visible: true }).click();
    await expect(chat.answers.last()).toHaveAttribute("data-state", /^(stop|length)$/);
    expect((await text.textContent())!.startsWith(stopped)).toBe(true);
  });
});

test("an answer that a reload cuts off keeps what had come", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  await page.getByTestId("setting-maxTokens").fill("", { force: true });
  await chat.ask("Write a very long story about a lighthouse, with many chapters.");
  await expect(chat.answers.getByTestId("answer-text")).toContainText(/\w+\s+\w+\s+\w+\s+\w+/);
  const stored = async () => (await storedChats(page))[0]?.messages[1]?.text.length ?? 0;
  await expect.poll(stored).toBeGreaterThan(10);
  await page.reload();
  await expect(chat.answers).toHaveAttribute("data-state", "abort");
  await expect(chat.answers.getByTestId("answer-text")).not.toBeEmpty();
  await expect(page.getByTestId("continue")).toBeVisible();
});

test("a message that is too long stays, open to be shortened", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(4);
  const long = "Again and again. ".repeat(3000).trim();
  await chat.ask(long);
  await chat.failure("prompt-too-long");
  const field = page.getByTestId("edit-field");
  await expect(field).toBeFocused();
  await expect(field).toHaveValue(long);
  await field.fill("Briefly, then.");
  await page.getByTestId("edit-send").click();
  await expect(chat.answers).toHaveAttribute("data-state", /^(stop|length)$/);
  await expect(chat.error).toHaveCount(0);
  await expect(page.getByTestId("question")).toHaveText("Briefly, then.");
  // the one that failed is no version of it
  await expect(page.getByTestId("branch").filter({ visible: true })).toHaveCount(0);
});

test("until a model is there, an edit waits: it is not lost", async ({ chat, page, server }) => {
  server.setFault(BUILT_IN, { holdAt: 1024 * 1024 });
  await page.goto(server.url);
  await openChats(page, [chatOf(["Why is the sky blue?", "Because."], { state: "length" })]);
  await expect(page.getByTestId("again")).toBeDisabled();
  await expect(page.getByTestId("continue")).toBeDisabled();
  await page.getByTestId("edit").click();
  const field = page.getByTestId("edit-field");
  await field.fill("Why is it red?");
  await field.press("Enter");
  await expect(page.getByTestId("edit-send")).toBeDisabled();
  await expect(field).toHaveValue("Why is it red?");
  server.release();
  await chat.ready();
  await chat.limitTokens(4);
  await field.press("Enter");
  await expect(chat.answers).toHaveAttribute("data-state", /^(stop|length)$/);
  await expect(page.getByTestId("question")).toHaveText("Why is it red?");
});

test("each chat has its own system prompt, or that of the settings", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  await expect(page.getByTestId("system-excerpt")).toHaveText(/^You are a helpful assistant/);
  await page.getByTestId("system").locator("summary").click();
  const field = page.getByTestId("system-prompt");
  await field.fill("You are a pirate.");
  await chat.limitTokens(4);
  await chat.answerTo("Who are you?");
  const context = await page.getByTestId("context").textContent();
  await page.getByTestId("new-chat").click();
  await expect(field).toHaveValue(/^You are a helpful assistant/);
  await page.getByTestId("chat-open").click();
  await expect(page.getByTestId("system-excerpt")).toHaveText("You are a pirate.");
  await page.reload();
  await expect(page.getByTestId("system-excerpt")).toHaveText("You are a pirate.");
  await chat.ready();

  await test.step("the model gets it: a longer one takes more of the context", async () => {
    await page.getByTestId("system").locator("summary").click();
    await field.fill("You are a pirate. ".repeat(20));
    await page.getByTestId("again").click();
    await expect(page.getByTestId("figures")).toContainText("tokens");
    await expect(chat.answers).toHaveAttribute("data-state", /^(stop|length)$/);
    const used = (text: string | null) => Number(/Context ([\d,]+)/.exec(text!)![1]!.replace(",", ""));
    expect(used(await page.getByTestId("context").textContent())).toBeGreaterThan(used(context) + 60);
  });

  await page.getByTestId("system-reset").click();
  await expect(field).toBeFocused();
  await expect(field).toHaveValue(/^You are a helpful assistant/);
  await page.getByTestId("settings").evaluate((element: HTMLDetailsElement) => {
    element.open = true;
  });
  await page.getByTestId("setting-system").fill("Be brief.");
  await expect(field).toHaveValue("Be brief.");
});
