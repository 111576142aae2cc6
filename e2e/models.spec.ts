/** Where models come from: the gallery, the Hub's names and pages, a repository's files, what is stored. */
import type { BrowserContext, Page } from "@playwright/test";
import { expectAccessible, expectAccessibleInAllLooks } from "./axe.ts";
import { BUILT_IN, BUILT_IN_BYTES } from "./server.ts";
import { expect, test } from "./test.ts";

const TOKEN = "hf_NotARealTokenButLongEnough";

/** Answers for the Hub. Returns what it was asked, with the token that came along. */
async function fakeHub(
  context: BrowserContext,
  { listings = {}, files = {} }: { listings?: Record<string, unknown>; files?: Record<string, Buffer> },
): Promise<{ path: string; authorization: string | undefined }[]> {
  const asked: { path: string; authorization: string | undefined }[] = [];
  await context.route("https://huggingface.co/**", route => {
    const request = route.request();
    const { pathname } = new URL(request.url());
    asked.push({ path: pathname, authorization: request.headers().authorization });
    const cors = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };
    if (request.method() === "OPTIONS")
      return route.fulfill({
        status: 204,
        headers: { ...cors, "access-control-allow-headers": "authorization, range" },
      });
    const listing = listings[pathname];
    if (listing !== undefined) return route.fulfill({ json: listing, headers: cors });
    const bytes = files[pathname];
    if (!bytes) return route.fulfill({ status: 404, headers: { ...cors, "x-error-code": "RepoNotFound" } });
    const [, start = "0", end = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers().range ?? "") ?? [];
    const last = end === "" ? bytes.length - 1 : Math.min(Number(end), bytes.length - 1);
    return route.fulfill({
      status: 206,
      body: bytes.subarray(Number(start), last + 1),
      headers: { ...cors, etag: '"1"', "content-range": `bytes ${start}-${last}/${bytes.length}` },
    });
  });
  return asked;
}

const REPO = "intab-test/Tiny-GGUF";
const LISTING = {
  [`/api/models/${REPO}/revision/main`]: {
    siblings: [
      { rfilename: "README.md", size: 10 },
      { rfilename: "tiny-Q8_0.gguf", size: 24_000_000 },
      { rfilename: "tiny-Q4_K_M.gguf", size: BUILT_IN_BYTES.length },
      { rfilename: "mmproj-tiny-F16.gguf", size: 5 },
      { rfilename: "big/tiny-F16-00001-of-00002.gguf", size: 30_000_000 },
      { rfilename: "big/tiny-F16-00002-of-00002.gguf", size: 20_000_000 },
    ],
  },
};
const FILES = { [`/${REPO}/resolve/main/tiny-Q4_K_M.gguf`]: BUILT_IN_BYTES };

async function openToken(page: Page): Promise<void> {
  await page.getByTestId("token-details").evaluate((details: HTMLDetailsElement) => {
    details.open = true;
  });
}

test("the gallery lists models by size, judges them by the memory that a person names, and checks one on request", async ({
  chat,
  context,
  page,
  server,
}) => {
  test.slow();
  const asked = await fakeHub(context, {
    files: { "/LiquidAI/LFM2-350M-GGUF/resolve/main/LFM2-350M-Q4_K_M.gguf": BUILT_IN_BYTES },
    listings: {
      "/api/models/LiquidAI/LFM2-350M-GGUF/revision/main": {
        siblings: [{ rfilename: "LFM2-350M-Q4_K_M.gguf" }],
      },
    },
  });
  await page.goto(server.url);
  await chat.ready();
  await page.getByTestId("gallery-open").click();
  const gallery = page.getByTestId("gallery");
  await expect(gallery).toBeVisible();
  await expect(gallery.getByRole("heading", { level: 3 })).toHaveCount(4);
  expect(asked, "nothing is asked before somebody wants to know").toEqual([]);

  const row = (name: string) => gallery.locator(`[data-testid=gallery-row][data-name="${name}"]`);
  const large = row("hf:ggml-org/gpt-oss-20b-GGUF:MXFP4");
  await expect(large.getByTestId("gallery-fit")).toHaveText(/^Takes about 13\.6 GB .*by its size$/);
  await page.getByTestId("gpu-memory").selectOption("8");
  await expect(large.getByTestId("gallery-fit")).toContainText("Too large");
  const small = row("hf:LiquidAI/LFM2-350M-GGUF:Q4_K_M");
  await expect(small).toContainText("229 MB");
  await expect(small.getByTestId("gallery-fit")).toContainText("Should fit");

  await small.getByTestId("gallery-check").click();
  await expect(small.getByTestId("gallery-fit")).toHaveText(
    /^Fits: .* with a context of .* tokens, by its header/,
  );
  await expect(small.getByTestId("gallery-check")).toHaveText("Does it fit?");
  await large.getByTestId("gallery-check").click();
  await expect(large.getByTestId("gallery-fit")).toContainText(
    "Not checked. The Hugging Face Hub has no such file",
  );
  await page.keyboard.press("Escape");
  await expect(gallery).toBeHidden();
  await expect(page.getByTestId("gallery-open")).toBeFocused();
  await page.getByTestId("gallery-open").click();
  await expectAccessibleInAllLooks(page, "the gallery", { shot: "gallery" });
  await small.getByTestId("gallery-load").click();
  await expect(gallery).toBeHidden();
  await chat.ready("LFM2-350M");

  // what is stored is not asked for again
  asked.length = 0;
  await page.getByTestId("load-built-in").click();
  await chat.ready();
  await page.getByTestId("gallery-open").click();
  await expect(small).toContainText("on this device");
  await small.getByTestId("gallery-load").click();
  await chat.ready("LFM2-350M");
  await expect(page.getByTestId("stored-row").filter({ hasText: "LFM2-350M" })).toHaveCount(1);
  expect(asked).toEqual([]);
});

test("a page of the Hub is understood, and a repository's files are offered with their sizes", async ({
  chat,
  context,
  page,
  server,
}) => {
  const asked = await fakeHub(context, { listings: LISTING, files: FILES });
  await page.goto(server.url);
  await chat.ready();
  await page.getByTestId("url").fill(`https://huggingface.co/${REPO}`);
  await page.getByTestId("hub-files-list").click();
  const choice = page.getByTestId("hub-file");
  await expect(choice).toBeFocused();
  await expect(choice).toHaveValue("tiny-Q4_K_M.gguf");
  await expect(choice.locator("option")).toHaveText([
    "tiny-Q4_K_M.gguf (12.7 MB)",
    "tiny-Q8_0.gguf (24.0 MB)",
    "big/tiny-F16-00001-of-00002.gguf (50.0 MB)",
  ]);
  await expectAccessibleInAllLooks(page, "the files of a repository", { shot: "hub-files", panel: true });
  await page.getByTestId("hub-file-load").click();
  await chat.ready("tiny-Q4_K_M.gguf");

  await test.step("the page about a file loads that file", async () => {
    await page.getByTestId("load-built-in").click();
    await chat.ready();
    await chat.loadUrl(`https://huggingface.co/${REPO}/blob/main/tiny-Q4_K_M.gguf`);
    await chat.ready("tiny-Q4_K_M.gguf");
    expect(asked.filter(({ path }) => path.includes("/blob/"))).toEqual([]);
  });
});

test("what is no address of a model is told beside the field", async ({ chat, page, server }) => {
  await page.goto(server.url);
  await chat.ready();
  for (const [typed, problem] of [
    ["file:///home/me/model.gguf", "https://"],
    ["hf:owner", "names no repository"],
    ["https://huggingface.co/docs/hub", "about no model"],
    [`https://huggingface.co/${REPO}/blob/main/README.md`, "no GGUF file"],
  ] as const) {
    await chat.loadUrl(typed);
    await expect(page.getByTestId("url-problem")).toContainText(problem);
    await expect(page.getByTestId("url")).toBeFocused();
  }
  await expectAccessibleInAllLooks(page, "a problem beside the address", {
    shot: "address-problem",
    panel: true,
  });
});

test("the access token goes to the Hub alone, and stays only where the person says so", async ({
  chat,
  context,
  page,
  server,
}) => {
  const asked = await fakeHub(context, { listings: LISTING, files: FILES });
  await page.goto(server.url);
  await chat.ready();
  await openToken(page);
  await page.getByTestId("token").fill(TOKEN);
  await page.getByTestId("url").fill(`hf:${REPO}`);
  await page.getByTestId("hub-files-list").click();
  await expect(page.getByTestId("hub-file")).toBeVisible();
  await page.getByTestId("url-load").click();
  await chat.ready("Tiny-GGUF");
  expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${TOKEN}`]));
  expect(server.authorizations, "other servers never see it").toEqual([]);

  await chat.loadUrl("hf:intab-test/gone");
  const card = await chat.failure("hub-not-found");
  expect(await card.textContent()).not.toContain(TOKEN);
  expect(page.url()).not.toContain(TOKEN);

  const kept = () => page.evaluate(() => JSON.stringify({ ...localStorage }));
  expect(await kept()).not.toContain(TOKEN);
  await page.reload();
  await expect(page.getByTestId("token")).toHaveValue("");
  await openToken(page);
  await page.getByTestId("token").fill(TOKEN);
  await page.getByTestId("token-keep").check();
  await expectAccessibleInAllLooks(page, "the access token", { shot: "token", panel: true });
  await page.reload();
  await expect(page.getByTestId("token")).toHaveValue(TOKEN);
  await openToken(page);
  await page.getByTestId("token-keep").uncheck();
  expect(await kept()).not.toContain(TOKEN);
});

test("a removal by keyboard keeps the focus in the list, and Escape takes the question back", async ({
  chat,
  page,
  server,
}) => {
  const other = server.put("/models/other.gguf", BUILT_IN_BYTES);
  await page.goto(server.url);
  await chat.ready();
  await chat.loadUrl(other);
  await chat.ready("other.gguf");
  const remove = chat.storedRow(other).getByTestId("remove");
  await remove.focus();
  await page.keyboard.press("Enter");
  await expect(remove).toHaveText("Really remove");
  await expectAccessible(page, "a removal in question");
  await page.keyboard.press("Escape");
  await expect(remove).toHaveText("Remove");
  await expect(remove).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expect(chat.storedRow(other)).toHaveCount(0);
  await expect(chat.storedRow(server.url + BUILT_IN).getByTestId("remove")).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("stored-row")).toHaveCount(0);
  await expect(page.getByTestId("stored").locator("li")).toBeFocused();
});

test("a stored model whose record is damaged says so, and can be had again", async ({
  chat,
  page,
  server,
}) => {
  await page.goto(server.url);
  await chat.ready();
  await page.evaluate(damageManifests, "");
  await page.reload();
  await chat.ready();
  // the load has started it anew; a second one stays as it is until somebody loads it
  const other = server.put("/models/other.gguf", BUILT_IN_BYTES);
  await chat.loadUrl(other);
  await chat.ready("other.gguf");
  await page.getByTestId("load-built-in").click();
  await chat.ready();
  await page.evaluate(damageManifests, "other.gguf");
  await page.getByTestId("gallery-open").click(); // any action; the list itself looks again after a load
  await page.keyboard.press("Escape");
  await page.reload();
  await chat.ready();
  const row = chat.storedRow(other);
  await expect(row.getByTestId("damaged")).toBeVisible();
  await expectAccessibleInAllLooks(page, "a damaged record", { shot: "damaged", panel: true });
  await row.getByTestId("load-stored").click();
  await chat.ready("other.gguf");
  await expect(row.getByTestId("damaged")).toHaveCount(0);
});

/** Writes nonsense in place of the records of stored models whose address contains a text. */
async function damageManifests(part: string): Promise<void> {
  const settled = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name ?? ""));
    for (const storeName of database.objectStoreNames) {
      const store = () => database.transaction(storeName, "readwrite").objectStore(storeName);
      for (const key of await settled(store().getAllKeys())) {
        const value: unknown = await settled(store().get(key));
        const isManifest = Object(value).totalBytes !== undefined && Object(value).url?.includes(part);
        if (isManifest) await settled(store().put({ url: 1 }, key));
      }
    }
    database.close();
  }
}
