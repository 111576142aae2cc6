/** Settings: refused values, penalties, stop texts, context length, reasoning; and what the context is said to hold. */
import { expectAccessibleInAllLooks } from "./axe.ts";
import { builtInWithTemplate } from "./models.ts";
import { expect, test } from "./test.ts";

test("a value that cannot be used is explained, and the last one that could goes on", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.openSettings();
  const field = page.getByTestId("setting-temperature");
  const problem = page.getByTestId("setting-temperature-problem");
  await expect(field).toHaveValue("0.7");
  await field.fill("9");
  await expect(problem).toHaveText("9 cannot be used: give a number from 0 to 5. Until then 0.7 is used.");
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await page.getByTestId("setting-seed").fill("1.5");
  await expect(page.getByTestId("setting-seed-problem")).toContainText("a whole number");
  await page.getByTestId("setting-topK").fill("many");
  await expect(page.getByTestId("setting-topK-problem")).toContainText("Until then the model's own is used");
  await expectAccessibleInAllLooks(page, "settings with problems", { shot: "settings-problem", panel: true });
  await field.fill("0");
  await expect(problem).toBeEmpty();
  await page.reload();
  await chat.ready();
  await chat.openSettings();
  await expect(field).toHaveValue("0");
  await expect(page.getByTestId("setting-topK")).toHaveValue("");
  await page.getByTestId("settings-reset").click();
  await expect(field).toHaveValue("0.7");
});

test("penalties and stop texts change the answer", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(24);
  await page.getByTestId("setting-temperature").fill("0");
  const plain = await chat.answerTo("Tell me about the sea.");
  const answerAgain = async (): Promise<string> => {
    await page.getByTestId("new-chat").click();
    return chat.answerTo("Tell me about the sea.");
  };
  await page.getByTestId("setting-repetitionPenalty").fill("100");
  await page.getByTestId("setting-frequencyPenalty").fill("2");
  await page.getByTestId("setting-presencePenalty").fill("2");
  expect(await answerAgain()).not.toBe(plain);
  for (const key of ["repetitionPenalty", "frequencyPenalty", "presencePenalty"])
    await page.getByTestId(`setting-${key}`).fill("");
  expect(await answerAgain()).toBe(plain);
  const stop = plain.trim().split(/\s+/)[4]!;
  await page.getByTestId("setting-stop").fill(`never written\n${stop}`);
  const stopped = await answerAgain();
  expect(plain.startsWith(stopped.trimEnd())).toBe(true);
  expect(stopped).not.toContain(stop);
});

test("a context length is loaded with, kept, and offered where a message is too long", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.openSettings();
  await page.getByTestId("setting-contextLength").fill("96");
  await page.getByTestId("settings-reload").click();
  await expect(page.getByTestId("context")).toContainText("of 96");
  await chat.ready();
  await expect(page.getByTestId("settings-reload")).toBeHidden();
  await chat.ask("word ".repeat(200));
  const card = await chat.failure("prompt-too-long");
  await expect(card.getByTestId("error-advice")).toContainText(/takes \d+ tokens, and 96 fit/);
  await expectAccessibleInAllLooks(page, "a message that is too long", { shot: "too-long" });
  await card.getByTestId("remedy-longer-context").click();
  await expect(page.getByTestId("setting-contextLength")).toBeFocused();
  await page.reload();
  await expect(page.getByTestId("context")).toContainText("of 96");
});

/** A template that opens a block of reasoning unless it is told not to. */
const TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}" +
  "{% if enable_thinking is not defined or enable_thinking %}{{ '<think>\\n' }}{% endif %}{% endif %}";

test("reasoning can be switched off where the model's template knows how", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  const file = {
    name: "switch.gguf",
    mimeType: "application/octet-stream",
    buffer: builtInWithTemplate(TEMPLATE),
  };
  await page.getByTestId("file").setInputFiles(file);
  await chat.ready("switch.gguf");
  await chat.limitTokens(8);
  await chat.ask("What is two and two?");
  expect(await chat.answer("length")).toBe("");
  await page.getByTestId("setting-enableThinking").selectOption("false");
  await chat.answerTo("And now?");
});

test("the context figure counts the prompt while it is computed, and anew for another model", async ({
  chat,
  page,
  server,
}) => {
  const used = async (): Promise<number> => {
    const text = (await page.getByTestId("context").textContent()) ?? "";
    return Number(/Context ([\d,]+) of/.exec(text)?.[1]?.replace(",", ""));
  };
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(40);
  const question = "Tell me a story about a lighthouse. ".repeat(30);
  await chat.ask(question);
  const speed = page.getByTestId("speed");
  await expect(speed).toHaveText(/^Reading the prompt, \d+ s$|tokens\/s$/);
  expect(await used(), "with the prompt, before the answer is over").toBeGreaterThan(200);
  await expect(chat.answers.last()).toHaveAttribute("data-state", /^(stop|length)$/);
  const before = await used();
  expect(before).toBeGreaterThan(200);
  await page.getByTestId("file").setInputFiles("public/models/intab-tiny-q4_0.gguf");
  await chat.ready("intab-tiny-q4_0.gguf");
  await expect.poll(used).toBeGreaterThan(200);
});
