import { builtInWithTemplate } from "./models.ts";
import { expect, test } from "./test.ts";

/** As reasoning models have it: the prompt opens the block, so that the answer begins inside of it. */
const TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}";

test("reasoning stands apart from the answer, and can be folded away", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  const file = {
    name: "thinking.gguf",
    mimeType: "application/octet-stream",
    buffer: builtInWithTemplate(TEMPLATE),
  };
  await page.getByTestId("file").setInputFiles(file);
  await chat.ready();
  await chat.limitTokens(12);
  await chat.ask("What is two and two?");
  // it never closes the block: all of it is reasoning
  expect(await chat.answer("length")).toBe("");
  const reasoning = page.getByTestId("reasoning");
  await expect(reasoning.locator("summary")).toHaveText("Reasoning");
  await expect(reasoning.getByTestId("reasoning-text")).not.toBeEmpty();
  await expect(reasoning.getByTestId("reasoning-text")).toBeHidden();
  await reasoning.locator("summary").click();
  await expect(reasoning.getByTestId("reasoning-text")).toBeVisible();
});
