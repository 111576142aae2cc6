import { splitGguf } from "../tests/unit/support/split-gguf.ts";
import { BUILT_IN, BUILT_IN_BYTES } from "./server.ts";
import { expect, test } from "./test.ts";

const NAMES = ["tiny-00001-of-00003.gguf", "tiny-00002-of-00003.gguf", "tiny-00003-of-00003.gguf"] as const;

test("a model in three files loads from one part's address and from the files, in any order", async ({
  chat,
  page,
  server,
}) => {
  const parts = await splitGguf(BUILT_IN_BYTES, [3, 20, 0]);
  const urls = parts.map((bytes, index) => server.put(`/models/${NAMES[index]}`, bytes));
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(6);
  await page.getByTestId("setting-seed").fill("7");

  await test.step("from the address of the second part", async () => {
    await chat.loadUrl(urls[1]!);
    await chat.ready(NAMES[1]);
    const row = chat.storedRow(urls[0]!);
    await expect(row).toHaveAttribute("data-complete", "true");
    const total = parts.reduce((sum, { length }) => sum + length, 0);
    await expect(row).toHaveAttribute("data-stored-bytes", String(total));
    await expect(page.getByTestId("stored-row")).toHaveCount(2);
    for (const name of NAMES) expect(server.timesSent(`/models/${name}`)).toEqual({ least: 1, most: 1 });
  });

  await test.step("from files", async () => {
    const files = NAMES.map((name, index) => ({
      name,
      mimeType: "application/octet-stream",
      buffer: Buffer.from(parts[index]!),
    }));
    await page.getByTestId("file").setInputFiles([files[0]!, files[2]!]);
    await chat.failure("split-missing");
    await page.getByTestId("file").setInputFiles([files[2]!, files[0]!, files[1]!]);
    await chat.ready(NAMES[2]);
    await chat.answerTo("Hello!");
  });
  expect(server.timesSent(BUILT_IN).most).toBe(1);
});
