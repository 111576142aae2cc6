import { expect, test } from "./test.ts";

test("the first visit ends in an answer, with figures and the adapter's name", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await expect(page.getByTestId("device")).toContainText("GPU memory");
  await expect(page.getByTestId("honesty")).toContainText("makes things up");
  await chat.limitTokens(12);
  await chat.answerTo("Why is the sky blue?");
  await expect(page.getByTestId("figures")).toContainText("tokens/s");
  await expect(page.getByTestId("context")).not.toContainText("Context 0 ");
  await page.getByTestId("new-chat").click();
  await expect(chat.answers).toHaveCount(0);
  await expect(page.getByTestId("welcome")).toBeVisible();
});

test("an answer stops in mid-sentence, and the next question is answered", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.ask("Write a very long story about a lighthouse, with many chapters.");
  await expect(chat.answers.last().getByTestId("answer-text")).not.toBeEmpty();
  await page.keyboard.press("Escape");
  const stopped = await chat.answer("abort");
  expect(stopped.trim()).not.toBe("");
  await expect(page.getByTestId("figures").last()).toContainText("Stopped");
  await chat.limitTokens(8);
  await chat.answerTo("What is water?");
  await expect(chat.answers).toHaveCount(2);
});

test("the same seed gives the same answer again", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(12);
  await page.getByTestId("setting-seed").fill("7");
  const first = await chat.answerTo("Tell me about the sea.");
  await page.getByTestId("again").click();
  await expect(chat.answers).toHaveCount(1);
  await expect(page.getByTestId("answer-text")).toHaveText(first);
  await expect(chat.answers.last()).toHaveAttribute("data-state", /^(stop|length)$/);
});

test("a file from disk is read in place", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  await page.getByTestId("file").setInputFiles("public/models/intab-tiny-q4_0.gguf");
  await chat.ready("intab-tiny-q4_0.gguf");
  await chat.limitTokens(6);
  await chat.answerTo("Hello!");
});

test("without WebGPU the page says why and what to do", async ({ chat, page, server }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, "gpu", { value: undefined }));
  await page.goto(server.url);
  await expect(page.getByTestId("unsupported")).toBeVisible();
  await expect(page.getByTestId("unsupported-reason")).not.toBeEmpty();
  await expect(page.getByTestId("support-retry")).toBeVisible();
  await expect(chat.prompt).toBeHidden();
});
