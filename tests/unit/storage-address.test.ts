import { beforeEach, describe, expect, test, vi } from "vitest";
import { loadText } from "../../src/load/load-text.ts";
import { crossingOrigin } from "../../src/page/origin.ts";
import { listModels, removeModel } from "../../src/storage/cache.ts";
import { addressOf, cacheKey, shownUrl } from "../../src/storage/names.ts";
import { openUrl } from "../../src/storage/open-url.ts";
import type { ModelOrigin } from "../../src/types.ts";
import { HubServer } from "./support/hub-server.ts";
import { loaded, modelBytes, open } from "./support/models.ts";
import { splitGguf } from "./support/split-gguf.ts";
import { everythingStored } from "./support/storage-browser.ts";
import { collect, expectBytes, TUNING } from "./support/storage-bytes.ts";
import { servedToEach } from "./support/storage-served.ts";
import { type FileServer, status } from "./support/storage-server.ts";

const MODEL = modelBytes();
const SECRETS = /s3cr3t|hunter2|c2VjcmV0/;
let server: FileServer;

servedToEach(MODEL, started => (server = started));

const textOf = (error: unknown): string => {
  const own = Object(error) as Error & { details?: unknown };
  return [own.message, JSON.stringify(own.details ?? null), own.cause ? textOf(own.cause) : ""].join(" ");
};
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );

describe("what signs an address is no part of its key", () => {
  test.each([
    ["S3", "X-Amz-Algorithm=AWS4&X-Amz-Credential=a%2Fb&X-Amz-Date=1&X-Amz-Signature=s&x-id=GetObject"],
    ["S3, old", "AWSAccessKeyId=a&Signature=s&Expires=1"],
    ["Google", "X-Goog-Algorithm=a&X-Goog-Credential=c&X-Goog-Signature=s"],
    ["Google, old", "GoogleAccessId=a&Expires=1&Signature=s"],
    ["Azure", "sv=2022&st=1&se=2&sr=b&sp=r&spr=https&skoid=1&sktid=2&sig=s%3D"],
    ["CloudFront", "Expires=1&Policy=p&Signature=s&Key-Pair-Id=k"],
    ["a token", "token=t"],
    ["an access token", "access_token=t&expires=12"],
  ])("%s", (_, query) => {
    expect(cacheKey(`https://h.org/m.gguf?${query}`)).toBe("https://h.org/m.gguf");
    expect(cacheKey(`https://h.org/m.gguf?a=b%20c&${query}&v=+1`)).toBe("https://h.org/m.gguf?a=b%20c&v=+1");
  });

  test("and nothing else is left out", () => {
    for (const query of ["download=true", "Expires=1&sp=2&se=3", "v=1&tokens=5&design=x", "a", "x-id=1"])
      expect(cacheKey(`https://h.org/m.gguf?${query}#f`)).toBe(`https://h.org/m.gguf?${query}`);
    expect(cacheKey("https://h.org/m.gguf?")).toBe("https://h.org/m.gguf?");
  });

  test("nor are user and password, which become a header", async () => {
    expect(addressOf("https://us%20er:p%C3%A4ss@h.org/m.gguf?x=1#f")).toEqual({
      url: "https://h.org/m.gguf?x=1",
      key: "https://h.org/m.gguf?x=1",
      authorization: `Basic ${Buffer.from("us er:päss").toString("base64")}`,
    });
    await loaded(server.url.replace("//", "//me:hunter2@"));
    const sent = server.requests.map(({ headers }) => headers.authorization);
    expect(new Set(sent)).toEqual(new Set([`Basic ${Buffer.from("me:hunter2").toString("base64")}`]));
    expect(await listModels()).toMatchObject([{ url: server.url, complete: true }]);
    await loaded(server.url.replace("//", "//me:hunter2@"), { headers: { Authorization: "Bearer mine" } });
    await removeModel(server.url);
    server.requests.length = 0;
    await loaded(server.url.replace("//", "//me:hunter2@"), { headers: { Authorization: "Bearer mine" } });
    expect(server.requests[0]!.headers.authorization).toBe("Bearer mine");
  });

  test("a download goes on under a new signature, is stored once, and the signature nowhere", async () => {
    const signed = (no: number) => `${server.url}?X-Amz-Date=${no}&X-Amz-Signature=s3cr3t${no}&v=1`;
    const opened = (no: number) => openUrl(signed(no), { tuning: { ...TUNING, connections: 1 } });
    server.fault = ({ range }) => (range!.start >= TUNING.chunkBytes ? new Promise(() => {}) : false);
    const first = await opened(1);
    for await (const _ of first.stream()) break;
    first.close();
    server.fault = undefined;
    expect(await listModels()).toMatchObject([{ complete: false }]);
    server.requests.length = 0;
    const second = await opened(2);
    expectBytes(await collect(second), MODEL);
    second.close();
    expect(server.timesAsked(1, TUNING.chunkBytes)).toEqual([0, 0]);
    expect(server.requests.every(({ path }) => path.includes("s3cr3t2"))).toBe(true);
    expect(await listModels()).toMatchObject([{ url: `${server.url}?v=1`, complete: true }]);
    expect(JSON.stringify(await everythingStored())).not.toMatch(SECRETS);
    server.requests.length = 0;
    await loaded(signed(3));
    expect(server.requests).toEqual([]);
    await removeModel(signed(4));
    expect(await listModels()).toEqual([]);
  });
});

describe("a cacheKey", () => {
  test.each(["my model", "https://models.org/m.gguf"])("is what the model is stored under: %s", async key => {
    await loaded(`${server.url}?session=1`, { cacheKey: key });
    server.requests.length = 0;
    await loaded(`${server.url}?session=2`, { cacheKey: key });
    expect(server.requests).toEqual([]);
    const { source } = await open(`${server.url}?session=3`, { cacheKey: key });
    expect(source).toMatchObject({ url: key, name: "model.gguf" });
    source.close();
    expect(await listModels()).toMatchObject([{ url: key, complete: true }]);
    await removeModel(key);
    expect(await listModels()).toEqual([]);
  });

  test("names the parts of a split model too", async () => {
    const hub = await HubServer.start();
    const parts = await splitGguf(MODEL, [3, 4]);
    const urls = parts.map((bytes, i) => hub.put("o/r", `m-0000${i + 1}-of-00002.gguf`, bytes));
    await loaded(urls[0]!, { cacheKey: "split" });
    expect(await listModels()).toMatchObject([{ url: "split", parts: 2, complete: true }]);
    hub.storeRequests.length = 0;
    await loaded(urls.map(url => `${url}?session=2`).reverse(), { cacheKey: "split" });
    expect(hub.storeRequests).toEqual([]);
    await removeModel("split");
    expect(await everythingStored()).toEqual([]);
    await hub.close();
  });

  test.each(["", " ", 7, {}])("that is none is a named error: %s", async key => {
    await expect(open(server.url, { cacheKey: key as string })).rejects.toMatchObject({
      name: "InputError",
      code: "option",
      details: { option: "cacheKey" },
    });
  });
});

describe("no error and no list shows a secret", () => {
  const secret = (): string =>
    `${server.url.replace("//", "//me:hunter2@")}?sig=s3cr3t&key=s3cr3t&x=1#s3cr3t`;

  test.each([
    ["HTTP errors", () => void (server.fault = status(404)), () => open(secret())],
    [
      "HTTP errors that pass",
      () => void (server.fault = status(503)),
      () => openUrl(secret(), { tuning: TUNING }),
    ],
    [
      "web pages",
      () => void (server.fault = status(200, { "content-type": "text/html" })),
      () => open(secret()),
    ],
    ["a network that is down", () => server.close(), () => openUrl(secret(), { tuning: TUNING })],
    ["a part given twice", () => {}, () => open([secret(), secret()])],
    ["addresses that are none", () => {}, () => open("https://me:hunter2/@h.org:port/?sig=s3cr3t")],
    ["other kinds of address", () => {}, () => open("ftp://me:hunter2@h.org/?sig=s3cr3t")],
    ["addresses on the Hub", () => {}, () => open("hf:o/r/m.bin?token=s3cr3t")],
    ["the Hub's own", () => {}, () => open("hf:o/r", { hubUrl: "https://me:hunter2@h.org" })],
    ["the page's side", () => {}, () => crossingOrigin("http://me:hunter2@[/?sig=s3cr3t")],
    ["removing", () => {}, () => removeModel("http://me:hunter2@[/?sig=s3cr3t")],
  ] as [string, () => unknown, () => Promise<unknown>][])(
    "%s",
    { timeout: 20_000 },
    async (_, prepare, work) => {
      await prepare();
      const error = await failure(work());
      expect(error).toMatchObject({ code: expect.any(String) });
      expect(textOf(error)).not.toMatch(SECRETS);
    },
  );

  test("a model in use", async () => {
    const { source } = await open(secret());
    const error = await failure(removeModel(secret()));
    expect(error).toMatchObject({ code: "in-use" });
    expect(textOf(error)).not.toMatch(SECRETS);
    source.close();
  });

  test("shows the rest, and not too much of it", () => {
    expect(shownUrl("https://a:b@h.org/x y?z#t")).toBe("https://h.org/x%20y");
    expect(shownUrl(`data:,${"x".repeat(1e6)}`).length).toBeLessThan(400);
  });
});

describe("removing takes what loading takes", () => {
  test("a relative address, a URL, a list", async () => {
    vi.stubGlobal("location", { href: new URL("/page/", server.url).href });
    for (const source of ["/model.gguf", "../model.gguf", new URL(server.url), [server.url]]) {
      await loaded(server.url);
      expect(await listModels()).toHaveLength(1);
      await removeModel(source);
      expect(await listModels()).toEqual([]);
    }
  });

  test("an address on the Hub, also of what is half stored, without asking it", async () => {
    const hub = await HubServer.start();
    hub.put("o/r", "model-Q4_0.gguf", MODEL);
    const hubUrl = `${hub.url}/`;
    for (const address of ["hf:o/r", "hf:o/r:Q4_0", "hf:o/r/model-Q4_0.gguf"]) {
      await loaded("hf:o/r", { hubUrl });
      hub.hubRequests.length = 0;
      await removeModel("hf:o/r:Q8_0", { hubUrl });
      await removeModel("hf:o/other", { hubUrl });
      expect(await listModels()).toHaveLength(1);
      await removeModel(address, { hubUrl });
      expect(await listModels()).toEqual([]);
      expect(hub.hubRequests).toEqual([]);
    }
    await hub.close();
  });

  test.each(["", " ", "#x", undefined, null, 5, {}, new Blob([])])(
    "what is no address is a named error: %o",
    async source => {
      await expect(removeModel(source as string)).rejects.toMatchObject({
        name: "InputError",
        code: "option",
      });
    },
  );
});

describe("what load() is given", () => {
  test.each(["", "  ", "#top"])("is not the page itself: %o", async address => {
    vi.stubGlobal("location", { href: server.url });
    await expect(crossingOrigin(address)).rejects.toMatchObject({ name: "InputError", code: "option" });
    expect(server.requests).toEqual([]);
  });

  test.each([
    ["bytes", new Uint8Array(MODEL)],
    ["a part of a buffer", new Uint8Array([7, ...MODEL]).subarray(1)],
    ["a buffer", new Uint8Array(MODEL).buffer],
  ])("may be %s", async (_, bytes) => {
    const { from, stored } = await crossingOrigin(bytes);
    expect(stored).toBe(false);
    expect(await loaded(from)).toEqual(await loaded(new Blob([new Uint8Array(MODEL)])));
  });

  test.each([
    ["numbers", new Float64Array(1e6), /Float64Array/],
    ["an object", { tensors: new Array(1e5).fill("x") }, /Object/],
    ["nothing", null, /null/],
    ["an object without a class", Object.create(null), /an object/],
    ["a list of numbers", [1, 2], / from 1\./],
  ])("is named by its kind where it is no model: %s", async (_, origin, kind) => {
    const error = await failure(crossingOrigin(origin as ModelOrigin));
    expect(error).toMatchObject({ code: "option", message: expect.stringMatching(kind) });
    expect(textOf(error).length).toBeLessThan(1000);
  });
});

describe("the tokenizer alone", () => {
  const text = (from: string, hubUrl?: string) =>
    loadText(from, { hubUrl }, AbortSignal.timeout(5000)).then(({ info }) => info.vocabularySize);
  let withTokenizer: Uint8Array;
  beforeEach(() => {
    withTokenizer = modelBytes({ tokenizer: true });
    server.bytes = withTokenizer;
  });

  test("does not wait for another tab's download, and stores nothing", async () => {
    const { source } = await open(server.url);
    const before = await everythingStored();
    expect(await text(server.url)).toBe(10);
    expect(await everythingStored()).toEqual(before);
    source.close();
  });

  test("needs no storage", async () => {
    const hub = await HubServer.start();
    hub.put("o/r", "model-Q4_0.gguf", withTokenizer);
    vi.stubGlobal("indexedDB", {
      open() {
        throw new DOMException("denied", "SecurityError");
      },
    });
    expect(await text(server.url)).toBe(10);
    expect(await text("hf:o/r", hub.url)).toBe(10);
    await hub.close();
  });
});
