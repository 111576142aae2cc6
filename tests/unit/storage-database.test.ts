/** The database in other hands: deleted, held, damaged. */
import { describe, expect, test, vi } from "vitest";
import { listModels, removeModel } from "../../src/storage/cache.ts";
import { openUrl, peekUrl } from "../../src/storage/open-url.ts";
import { storageUsage } from "../../src/storage/space.ts";
import { loaded, modelBytes } from "./support/models.ts";
import { collect, expectBytes, someBytes, TUNING } from "./support/storage-bytes.ts";
import { servedToEach } from "./support/storage-served.ts";
import type { FileServer } from "./support/storage-server.ts";

const FILE = someBytes(TUNING.chunkBytes * 3 + 77);
let server: FileServer;

servedToEach(FILE, started => (server = started));

async function load(url = server.url, open = openUrl): Promise<Uint8Array> {
  const source = await open(url, { tuning: TUNING });
  try {
    return await collect(source);
  } finally {
    source.close();
  }
}

const settled = <T>(request: IDBRequest<T>) =>
  new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
const deleted = (): Promise<unknown> => settled(indexedDB.deleteDatabase("intab-models"));

/** Changes a value of the database, behind the storage's back. */
async function change(key: IDBValidKey, to: (value: Record<string, unknown>) => unknown): Promise<void> {
  const database = await settled(indexedDB.open("intab-models"));
  const store = database.transaction("v1", "readwrite").objectStore("v1");
  await settled(store.put(to(await settled(store.get(key))), key));
  database.close();
}

describe("a database that is deleted while it is open", () => {
  test("is let go, and the next calls work", async () => {
    await load();
    await deleted();
    expect(await listModels()).toEqual([]);
    expectBytes(await load(), FILE);
    expect(await listModels()).toHaveLength(1);
  });

  test("in mid-download costs only what was stored", async () => {
    const source = await openUrl(server.url, { tuning: { ...TUNING, connections: 1 } });
    const out = new Uint8Array(FILE.length);
    for await (const { offset, bytes } of source.stream()) {
      out.set(bytes, offset);
      if (offset === 0) await deleted();
    }
    source.close();
    expectBytes(out, FILE);
    expectBytes(await load(), FILE);
  });

  test("is a named error where another keeps it open, and the next call works", async () => {
    await load();
    const other = await settled(indexedDB.open("intab-models"));
    const deletion = deleted();
    await new Promise(resolve => setTimeout(resolve, 20));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    for (const call of [listModels, load, () => removeModel(server.url)]) {
      const failed = expect(call()).rejects.toMatchObject({
        name: "StorageError",
        code: "blocked",
        message: expect.stringMatching(/other tabs/),
        details: { waitedMs: 5000 },
      });
      await new Promise(resolve => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(5000);
      await failed;
    }
    vi.useRealTimers();
    other.close();
    await deletion;
    expect(await listModels()).toEqual([]);
    expectBytes(await load(), FILE);
  });

  test("a header can be read meanwhile", async () => {
    vi.stubGlobal("indexedDB", {
      open() {
        throw new DOMException("no", "UnknownError");
      },
    });
    const source = await peekUrl(server.url, { tuning: TUNING });
    expectBytes(await source.read(0, 100), FILE.slice(0, 100));
  });
});

describe("a manifest that is damaged", () => {
  const damages: [string, (manifest: Record<string, unknown>) => unknown][] = [
    ["gone to zeros", () => 0],
    ["null", () => null],
    ["an empty object", () => ({})],
    ["without hashes", ({ hashes: _, ...rest }) => rest],
    ["with too few hashes", ({ hashes, ...rest }) => ({ ...rest, hashes: (hashes as unknown[]).slice(1) })],
    [
      "with hashes that are none",
      ({ hashes, ...rest }) => ({ ...rest, hashes: (hashes as unknown[]).map(() => 7) }),
    ],
    [
      "that says complete and is not",
      ({ hashes, ...rest }) => ({ ...rest, hashes: (hashes as unknown[]).with(1, null) }),
    ],
    ["of no size", m => ({ ...m, totalBytes: "many" })],
    ["of chunks without length", m => ({ ...m, chunkBytes: 0 })],
    ["of another URL", m => ({ ...m, url: "https://other.org/" })],
    ["with a split that is none", m => ({ ...m, split: { urls: null } })],
    ["with tags that are none", m => ({ ...m, etag: {} })],
  ];

  test.each(damages)(
    "(%s) leaves the others alone, is listed as damaged, and is replaced by a load",
    async (_, damage) => {
      const other = `${server.url}?other`;
      await load();
      await load(other);
      await change(["manifest", server.url], damage);
      expect(await listModels()).toEqual([
        {
          url: other,
          parts: 1,
          totalBytes: FILE.length,
          storedBytes: FILE.length,
          complete: true,
          lastUsed: expect.any(Number),
        },
        {
          url: server.url,
          parts: 1,
          totalBytes: 0,
          storedBytes: 0,
          complete: false,
          lastUsed: 0,
          damaged: true,
        },
      ]);
      expect(await storageUsage()).toMatchObject({ modelBytes: FILE.length });
      server.requests.length = 0;
      expectBytes(await load(other), FILE);
      expect(server.requests).toEqual([]);
      expectBytes(await load(server.url, peekUrl), FILE);
      expectBytes(await load(), FILE);
      expect((await listModels()).map(({ url, complete }) => [url, complete])).toContainEqual([
        server.url,
        true,
      ]);
    },
  );

  test("can be removed with all that belongs to it", async () => {
    await load();
    await change(["manifest", server.url], () => 5);
    await removeModel((await listModels())[0]!.url);
    expect(await listModels()).toEqual([]);
    const database = await settled(indexedDB.open("intab-models"));
    expect(await settled(database.transaction("v1").objectStore("v1").getAllKeys())).toEqual([]);
    database.close();
  });
});

test("looking into a model with a damaged chunk changes nothing in the cache", async () => {
  server.bytes = modelBytes();
  await loaded(server.url);
  await change(["chunk", server.url, 0], () => new Blob(["damaged"]));
  const source = await peekUrl(server.url, { tuning: TUNING });
  expectBytes(await source.read(0, 50), server.bytes.slice(0, 50));
  server.bytes = someBytes(server.bytes.length, 4);
  await expect(source.read(100, 50)).resolves.toBeInstanceOf(Uint8Array); // the chunk it has
  source.close();
  for (const etag of ['"v1"', '"v2"']) {
    server.etag = etag;
    const again = await peekUrl(server.url, { tuning: TUNING });
    await expect(again.read(0, 50)).rejects.toMatchObject({ code: "corrupt" });
    again.close();
    expect(await listModels()).toMatchObject([{ complete: true }]);
  }
});
