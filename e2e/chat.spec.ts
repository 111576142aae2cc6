import { expect, test } from "./test.ts";

test("a visit: first answer, stop in mid-sentence, ask again, repeat by seed, new chat, a file from disk", async ({
  chat,
  page,
  server,
}) => {
  await test.step("the first answer comes with figures, the adapter's name and an honest word", async () => {
    await page.goto(server.url);
    await chat.ready();
    await expect(page.getByTestId("device")).toContainText("GPU memory");
    await expect(page.getByTestId("honesty")).toContainText("makes things up");
    await chat.limitTokens(12);
    await chat.answerTo("Why is the sky blue?");
    await expect(page.getByTestId("figures")).toContainText("tokens/s");
    await expect(page.getByTestId("context")).not.toContainText("Context 0 ");
  });

  await test.step("an answer stops in mid-sentence", async () => {
    await page.getByTestId("setting-maxTokens").fill("");
    await chat.ask("Write a very long story about a lighthouse, with many chapters.");
    await expect(chat.answers.last().getByTestId("answer-text")).not.toBeEmpty();
    await page.keyboard.press("Escape");
    const stopped = await chat.answer("abort");
    expect(stopped.trim()).not.toBe("");
    await expect(page.getByTestId("figures").last()).toContainText("Stopped");
  });

  await test.step("the next question is answered; the same seed answers alike", async () => {
    await chat.limitTokens(12);
    await page.getByTestId("setting-seed").fill("7");
    const first = await chat.answerTo("What is water?");
    await page.getByTestId("again").last().click();
    await expect(chat.answers).toHaveCount(3);
    await expect(page.getByTestId("answer-text").last()).toHaveText(first);
    await expect(chat.answers.last()).toHaveAttribute("data-state", /^(stop|length)$/);
  });

  await test.step("a new chat starts empty", async () => {
    await page.getByTestId("new-chat").click();
    await expect(chat.answers).toHaveCount(0);
    await expect(page.getByTestId("welcome")).toBeVisible();
  });

  await test.step("a file from disk is read in place", async () => {
    await page.getByTestId("file").setInputFiles("public/models/intab-tiny-q4_0.gguf");
    await chat.ready("intab-tiny-q4_0.gguf");
    await chat.limitTokens(6);
    await chat.answerTo("Hello!");
    await expect(page.getByTestId("stored-row")).toHaveCount(1);
  });
});

test("without WebGPU the page says why and what to do", async ({ chat, page, server }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, "gpu", { value: undefined }));
  await page.goto(server.url);
  await expect(page.getByTestId("unsupported")).toBeVisible();
  await expect(page.getByTestId("unsupported-reason")).not.toBeEmpty();
  await expect(page.getByTestId("support-retry")).toBeVisible();
  await expect(chat.prompt).toBeHidden();
});
