import { chromium } from "@playwright/test";
import { ChatPage } from "./chat-page.ts";
import { BUILT_IN, BUILT_IN_BYTES } from "./server.ts";
import { expect, test } from "./test.ts";

/** Downloads are stored in pieces of this size. */
const CHUNK = 8 * 1024 * 1024;

test("a download that dies with the browser goes on where it stopped", async ({
  server,
  launchOptions,
}, info) => {
  const profile = info.outputPath("profile");
  const open = () => chromium.launchPersistentContext(profile, launchOptions);
  server.setFault(BUILT_IN, { holdAt: CHUNK + 1024 * 1024 });

  const first = await open();
  const dying = new ChatPage(await first.newPage());
  await dying.page.goto(server.url);
  await expect(dying.loading).toHaveAttribute("data-phase", "download");
  await expect(dying.storedRow(server.url + BUILT_IN)).toHaveAttribute("data-stored-bytes", String(CHUNK));
  const closed = first.waitForEvent("close");
  const session = await first.newCDPSession(dying.page);
  // The answer to this command never comes.
  session.send("Browser.crash").catch(() => {});
  await closed;
  await server.quiet();

  server.release();
  server.forgetSent(BUILT_IN);
  const second = await open();
  const chat = new ChatPage(await second.newPage());
  await chat.page.goto(server.url);
  await chat.ready();
  // One byte to see that the file is still the same, and what was not stored; nothing twice.
  expect(server.timesSent(BUILT_IN, 1, CHUNK)).toEqual({ least: 0, most: 0 });
  expect(server.timesSent(BUILT_IN, CHUNK)).toEqual({ least: 1, most: 1 });
  await chat.limitTokens(6);
  await chat.answerTo("Hello!");
  await second.close();
});

test("a cancelled download is listed as incomplete and resumes", async ({ chat, page, server }) => {
  server.setFault(BUILT_IN, { holdAt: CHUNK + 1024 * 1024 });
  await page.goto(server.url);
  const row = chat.storedRow(server.url + BUILT_IN);
  await expect(row).toHaveAttribute("data-stored-bytes", String(CHUNK));
  await page.getByTestId("load-cancel").click();
  await expect(page.getByTestId("cancelled")).toContainText("8.4 MB of it are stored");
  await expect(row).toHaveAttribute("data-complete", "false");
  server.release();
  await page.getByTestId("remedy-retry").click();
  await chat.ready();
  expect(server.timesSent(BUILT_IN, 1, CHUNK).most).toBe(1);
  await expect(row).toHaveAttribute("data-complete", "true");
  await row.getByTestId("remove").click();
  await row.getByTestId("remove").click();
  await expect(row).toHaveCount(0);
});

test("the page opens and answers again with the network gone", async ({ chat, context, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  const kept = (): Promise<string[]> =>
    page.evaluate(async () => (await (await caches.open("intab-page")).keys()).map(({ url }) => url));
  await expect.poll(kept).toContainEqual(expect.stringMatching(/\/worker-[^/]*\.js$/));
  await context.setOffline(true);
  await server.stop();
  await page.reload();
  await chat.ready();
  await chat.limitTokens(6);
  await chat.answerTo("Are you still there?");
});

test("two tabs that load the same model download it once", async ({ chat, context, page, server }) => {
  server.setFault(BUILT_IN, { holdAt: CHUNK });
  const other = new ChatPage(await context.newPage());
  await page.goto(server.url);
  await expect(chat.loading).toHaveAttribute("data-phase", "download");
  await other.page.goto(server.url);
  await expect(other.loading).toHaveAttribute("data-phase", "download");
  server.release();
  await chat.ready();
  await other.ready();
  expect(server.timesSent(BUILT_IN)).toEqual({ least: 1, most: 1 });
  expect(BUILT_IN_BYTES.length).toBeGreaterThan(CHUNK);
});

test("a full quota is named, at the start and in mid-download, and the load goes on once there is room", async ({
  chat,
  page,
  server,
}) => {
  // The browser's estimate ignores the override, so the check before the download lets it begin.
  const session = await page.context().newCDPSession(page);
  const setQuota = (quotaSize?: number) =>
    session.send("Storage.overrideQuotaForOrigin", { origin: server.url, ...(quotaSize && { quotaSize }) });

  await setQuota(1_000_000);
  await page.goto(server.url);
  await chat.failure("quota-exceeded");

  await setQuota();
  server.setFault(BUILT_IN, { holdAt: CHUNK - 1024 });
  await page.getByTestId("remedy-retry").click();
  await expect(chat.loading).toHaveAttribute("data-phase", "download");
  await setQuota(1_000_000);
  server.release();
  await chat.failure("quota-exceeded");

  await setQuota();
  await page.getByTestId("remedy-retry").click();
  await chat.ready();
});

test("a stored model whose bytes have changed is noticed, and downloading it again helps", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  expect(await page.evaluate(zeroStoredBlobs)).toBeGreaterThan(0);
  server.setFault(BUILT_IN, { status: 404 });
  await page.reload();
  await chat.failure("corrupt");
  server.setFault(BUILT_IN, {});
  await page.getByTestId("remedy-download-again").click();
  await chat.ready();
});

/** Puts zeros in place of every Blob in this origin's databases, as a failing disk might. Returns how many. */
async function zeroStoredBlobs(): Promise<number> {
  const settled = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  let count = 0;
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name ?? ""));
    for (const storeName of database.objectStoreNames) {
      const store = () => database.transaction(storeName, "readwrite").objectStore(storeName);
      for (const key of await settled(store().getAllKeys())) {
        const value: unknown = await settled(store().get(key));
        if (!(value instanceof Blob)) continue;
        await settled(store().put(new Blob([new Uint8Array(value.size)]), key));
        count++;
      }
    }
    database.close();
  }
  return count;
}
