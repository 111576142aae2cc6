/** Files and servers that are broken: each a named error with a remedy, and the next load works. */
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
  await page.getByTestId("remedy-built-in").click();
  await chat.ready();
});

test("what is no address is told beside the field", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.loadUrl("file:///home/me/model.gguf");
  await expect(page.getByTestId("url-problem")).toContainText("https://");
  await expect(page.getByTestId("url")).toBeFocused();
});
