/** Files and servers that are broken: each a named error with a remedy, and the next load works. */
import { expectAccessible, expectAccessibleInAllLooks } from "./axe.ts";
import type { ChatPage } from "./chat-page.ts";
import { BUILT_IN, BUILT_IN_BYTES, type Fault, type TestServer } from "./server.ts";
import { expect, test } from "./test.ts";

const FILE = "/models/broken.gguf";

/** Byte 4 of a GGUF file begins its version; byte 24 its first key's length, which no file can fill from here on. */
function damagedHeader(): Uint8Array {
  const bytes = Uint8Array.from(BUILT_IN_BYTES);
  bytes.fill(0xff, 24, 32);
  return bytes;
}

interface BrokenFile {
  what: string;
  bytes?: Uint8Array;
  fault?: Fault;
  code: string;
}

const BROKEN: readonly BrokenFile[] = [
  { what: "a missing file", fault: { status: 404 }, code: "http-status" },
  { what: "a server without ranges", fault: { ignoreRanges: true }, code: "no-ranges" },
  { what: "a truncated file", bytes: BUILT_IN_BYTES.subarray(0, 9_000_000), code: "truncated" },
  { what: "a damaged file", bytes: damagedHeader(), code: "bad-gguf" },
  {
    what: "a file of another kind",
    bytes: Buffer.from("<p>No model here.</p>".repeat(99)),
    code: "not-gguf",
  },
];

async function sees(chat: ChatPage, server: TestServer, { bytes, fault, code }: BrokenFile): Promise<void> {
  await chat.loadUrl(server.put(FILE, bytes ?? BUILT_IN_BYTES, fault));
  const card = await chat.failure(code);
  await expect(card.getByTestId("error-advice")).toContainText("intab-tiny goes on answering");
  await expect(card.getByTestId("error-subject")).toHaveText(server.url + FILE);
  await expect(card.getByTestId("remedy-built-in"), "it is in use").toHaveCount(0);
}

test("broken files and servers are named in words, and the model in use goes on", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.limitTokens(4);
  for (const broken of BROKEN) {
    await test.step(broken.what, async () => {
      await sees(chat, server, broken);
      if (broken === BROKEN[0])
        await expectAccessibleInAllLooks(page, "a card about an error", { shot: "error-card" });
      await chat.answerTo(`Say a word about ${broken.what}.`);
    });
  }
  await test.step("the same address with a sound file", async () => {
    await chat.loadUrl(server.put(FILE, BUILT_IN_BYTES));
    await chat.ready("broken.gguf");
    await expect(chat.error).toHaveCount(0);
    await chat.limitTokens(4);
    await chat.answerTo("And now?");
  });
});

test("a built-in model that cannot be had is an error with a way on", async ({ chat, page, server }) => {
  server.setFault(BUILT_IN, { status: 404 });
  await page.goto(server.url);
  await chat.failure("http-status");
  await expect(page.getByTestId("send")).toBeDisabled();
  server.setFault(BUILT_IN, {});
  await page.getByTestId("remedy-retry").click();
  await chat.ready();
});

test("a damaged file from this device is named, and no download of it is offered", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  const buffer = Buffer.from(BUILT_IN_BYTES.subarray(0, 9_000_000));
  await page
    .getByTestId("file")
    .setInputFiles({ name: "half.gguf", mimeType: "application/octet-stream", buffer });
  const card = await chat.failure("truncated");
  await expect(card.getByTestId("error-subject")).toHaveText("half.gguf (9.0 MB)");
  await expect(card.getByTestId("error-advice")).toContainText("The file on this device is damaged");
  await expect(card.getByTestId("remedy-download-again")).toHaveCount(0);
  await expect(card.getByTestId("remedy-other-file")).toHaveCount(1);
});

test("a request that will be sent again is said, with the number of the try", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.loadUrl(server.put(FILE, BUILT_IN_BYTES, { status: 503, retryAfter: 8 }));
  const retry = page.getByTestId("load-retry");
  await expect(retry).toHaveText(/^Trying again in \d+ seconds?, try \d of \d\. The server answered 503/);
  server.setFault(FILE, {});
  await expectAccessible(page, "a retry");
  await page.setViewportSize({ width: 360, height: 740 });
  await expect(retry).toBeVisible();
  await chat.ready("broken.gguf");
});

test("a cancelled load says what is stored of it, and nothing where nothing is", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await chat.loadUrl(server.put(FILE, BUILT_IN_BYTES, { holdAt: 0 }));
  await page.getByTestId("load-cancel").click();
  const card = page.getByTestId("cancelled");
  await expect(card).toContainText("Nothing of it is stored.");
  await expect(card.getByTestId("remedy-retry")).toHaveText("Load");
  await expectAccessibleInAllLooks(page, "a cancelled load", { shot: "cancelled" });
  server.release();
  await card.getByTestId("remedy-retry").click();
  await chat.ready("broken.gguf");
});
