import { IDBObjectStore } from "fake-indexeddb";
import { describe, expect, test, vi } from "vitest";
import { listModels, removeModel } from "../../src/storage/cache.ts";
import { openFile } from "../../src/storage/file-source.ts";
import { openUrl, peekUrl } from "../../src/storage/open-url.ts";
import { ProgressMeter } from "../../src/storage/progress.ts";
import { requestPersistence, storageUsage } from "../../src/storage/space.ts";
import type { LoadProgress } from "../../src/types.ts";
import type { FakeStorageManager } from "./support/storage-browser.ts";
import { collect, expectBytes, someBytes, TUNING } from "./support/storage-bytes.ts";
import { servedToEach } from "./support/storage-served.ts";
import { type FileServer, status } from "./support/storage-server.ts";

const FILE = someBytes(TUNING.chunkBytes * 3 + 77);
let server: FileServer;
let storage: FakeStorageManager;

servedToEach(FILE, (started, browser) => ([server, storage] = [started, browser]));

async function load(url = server.url): Promise<Uint8Array> {
  const source = await openUrl(url, { tuning: TUNING });
  try {
    return await collect(source);
  } finally {
    source.close();
  }
}

/** Reaches into the database behind the storage's back. */
async function tamper(index: number, chunk: Blob | undefined): Promise<void> {
  const opening = indexedDB.open("intab-models");
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  const transaction = db.transaction("v1", "readwrite");
  const key = ["chunk", server.url, index];
  if (chunk) transaction.objectStore("v1").put(chunk, key);
  else transaction.objectStore("v1").delete(key);
  await new Promise(resolve => (transaction.oncomplete = resolve));
  db.close();
}

describe("a chunk that was damaged in the cache", () => {
  const damages: [string, Blob | undefined][] = [
    ["with changed bytes", new Blob([someBytes(TUNING.chunkBytes, 9)])],
    ["cut short", new Blob([FILE.slice(TUNING.chunkBytes, TUNING.chunkBytes + 5)])],
    ["gone", undefined],
  ];
  test.each(damages)("(%s) is fetched again, alone", async (_, damaged) => {
    await load();
    server.requests.length = 0;
    await tamper(1, damaged);
    expectBytes(await load(), FILE);
    expect(server.requests.map(r => r.range)).toEqual([
      { start: TUNING.chunkBytes, end: TUNING.chunkBytes * 2 },
    ]);
    expectBytes(await load(), FILE); // and it was stored
    expect(server.requests).toHaveLength(1);
  });

  test("stays where it is when somebody only looks at the header, also where the server has another file now", async () => {
    await load();
    const peek = async (): Promise<Uint8Array> => {
      const source = await peekUrl(server.url, { tuning: TUNING });
      try {
        return await source.read(0, 100);
      } finally {
        source.close();
      }
    };
    await tamper(0, damages[0]![1]);
    expectBytes(await peek(), FILE.slice(0, 100)); // from the server
    server.etag = '"another"';
    await expect(peek()).rejects.toMatchObject({ code: "corrupt" });
    expect(await listModels()).toMatchObject([{ url: server.url }]);
  });

  test("is a named error where the server cannot be reached, and is mended when it can", async () => {
    await load();
    await tamper(2, undefined);
    server.fault = status(404);
    await expect(load()).rejects.toMatchObject({
      name: "ModelFormatError",
      code: "corrupt",
      message: expect.stringMatching(/Part 3 of 4.*missing.*404.*models\.remove/),
      cause: expect.objectContaining({ code: "http-status" }),
    });
    server.fault = undefined;
    expectBytes(await load(), FILE);
  });

  test.each([
    ["other bytes under the same tag", '"v1"', /other bytes/],
    ["a newer file", '"v2"', /another file/],
  ])("is a named error where the server has %s, and the next load is fresh", async (_, etag, message) => {
    await load();
    await tamper(2, undefined);
    server.bytes = someBytes(FILE.length, 5);
    server.etag = etag;
    await expect(load()).rejects.toMatchObject({ code: "corrupt", message: expect.stringMatching(message) });
    expectBytes(await load(), server.bytes);
  });

  test("is found by a header read too", async () => {
    await load();
    await tamper(0, damages[0]![1]);
    const source = await openUrl(server.url, { tuning: TUNING });
    expectBytes(await source.read(10, 500), FILE.slice(10, 510));
    source.close();
  });
});

describe("reading ahead of the consumer", () => {
  test("a damaged chunk is an error in its turn, after the ones before it", async () => {
    await load();
    await tamper(2, undefined);
    server.fault = status(404);
    const source = await openUrl(server.url, { tuning: TUNING });
    const offsets: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const { offset } of source.stream()) {
        offsets.push(offset);
        await new Promise(resolve => setTimeout(resolve, 50)); // time for the chunks after it to fail
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: "corrupt", details: { chunk: 2 } });
    expect(offsets).toEqual([0, TUNING.chunkBytes]);
    source.close();
  });

  test("two chunks are in memory at most", async () => {
    await load();
    const read: Uint8Array[] = [];
    const arrayBuffer = Blob.prototype.arrayBuffer;
    let most = 0;
    vi.spyOn(Blob.prototype, "arrayBuffer").mockImplementation(async function (this: Blob) {
      const buffer = await arrayBuffer.call(this);
      read.push(new Uint8Array(buffer));
      most = Math.max(most, read.filter(({ buffer }) => buffer.byteLength > 0).length);
      return buffer;
    });
    const source = await openUrl(server.url, { tuning: TUNING });
    for await (const _ of source.stream()) await new Promise(resolve => setTimeout(resolve, 5));
    source.close();
    expect(read).toHaveLength(4);
    expect(most).toBe(2);
    expect(read.every(({ buffer }) => buffer.byteLength === 0)).toBe(true);
  });

  test("ends with the signal's reason, and nothing is left unhandled", async () => {
    await load();
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const controller = new AbortController();
    const source = await openUrl(server.url, { tuning: TUNING });
    const pieces = source.stream(0, undefined, { signal: controller.signal })[Symbol.asyncIterator]();
    expect((await pieces.next()).value).toMatchObject({ offset: 0 });
    controller.abort(new Error("enough"));
    await expect(pieces.next()).rejects.toThrow("enough");
    expect((await pieces.next()).done).toBe(true);
    source.close();
    await new Promise(resolve => setTimeout(resolve, 20));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe("storage that fails", () => {
  /** All but the first few writes that `counts` picks fail as on a full disk: the transaction aborts a little later. */
  function fullAfter(writes: number, counts: (value: unknown) => boolean): void {
    const put = IDBObjectStore.prototype.put;
    let seen = 0;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
      const request = put.call(this, value, key);
      // fake-indexeddb has no quota; this is the way in which it aborts a transaction with a reason.
      const transaction = this.transaction as IDBTransaction & { _abort(name: string): void };
      if (counts(value) && ++seen > writes) queueMicrotask(() => transaction._abort("QuotaExceededError"));
      return request;
    });
  }

  test("a quota that ends in mid-download is named, and the next load goes on from there", async () => {
    fullAfter(2, value => value instanceof Blob);
    const error = await load().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: "StorageError",
      code: "quota-exceeded",
      message: expect.stringMatching(/models\.remove/),
      cause: expect.objectContaining({ name: "QuotaExceededError" }),
    });
    vi.restoreAllMocks();
    const [{ storedBytes, complete } = { storedBytes: 0, complete: true }] = await listModels();
    expect([complete, storedBytes > 0]).toEqual([false, true]);
    expect(error).toMatchObject({
      message: expect.stringContaining(`${storedBytes} of ${FILE.length} bytes`),
      details: { storedBytes, totalBytes: FILE.length },
    });
    server.requests.length = 0;
    expectBytes(await load(), FILE);
    expect(server.requests.length).toBeLessThanOrEqual(1 + 2);
  });

  test("a quota that holds not even the first part is named, and nothing is said to be stored", async () => {
    fullAfter(0, value => value instanceof Blob);
    await expect(load()).rejects.toMatchObject({
      code: "quota-exceeded",
      message: expect.stringMatching(/with 0 of \d+ bytes of the model stored\. Free space/),
      details: { storedBytes: 0 },
    });
  });

  test("a full disk does not keep a cached model from loading", async () => {
    await load();
    fullAfter(0, () => true);
    expectBytes(await load(), FILE);
  });

  test("no IndexedDB at all is named", async () => {
    vi.stubGlobal("indexedDB", undefined);
    await expect(load()).rejects.toMatchObject({ name: "StorageError", code: "storage-unavailable" });
  });

  test("an IndexedDB that refuses to open is named, with the browser's reason", async () => {
    vi.stubGlobal("indexedDB", {
      open() {
        throw new DOMException("denied", "SecurityError");
      },
    });
    await expect(load()).rejects.toMatchObject({
      code: "storage-unavailable",
      message: expect.stringMatching(/SecurityError: denied.*Private windows/),
    });
  });
});

describe("room for a model", () => {
  test("is told of where the estimate is too small, and the download goes on: the write itself decides", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    storage.quota = 100_000;
    expectBytes(await load(), FILE);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/needs 0\.2 MB.*estimates 0\.1 MB.*quota-exceeded/)],
    ]);
    await removeModel(server.url);
    storage.quota = 1e9;
    expectBytes(await load(), FILE);
    vi.stubGlobal("navigator", { locks: navigator.locks });
    await removeModel(server.url);
    expectBytes(await load(), FILE);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test("cannot be asked for everywhere", async () => {
    vi.stubGlobal("navigator", {});
    expect(await requestPersistence()).toBe(false);
  });

  test("can be made persistent, and usage says so", async () => {
    await load();
    expect(await requestPersistence()).toBe(true);
    expect(await storageUsage()).toEqual({
      modelBytes: FILE.length,
      usageBytes: 0,
      quotaBytes: 1e12,
      persisted: true,
    });
  });
});

describe("the list of cached models", () => {
  test("has the last used first, half-done downloads included", async () => {
    expect(await listModels()).toEqual([]);
    await load();
    const other = await openUrl(`${server.url}?other`, { tuning: { ...TUNING, connections: 1 } });
    for await (const _ of other.stream()) break;
    other.close();
    await new Promise(resolve => setTimeout(resolve, 5));
    await load();
    expect((await listModels()).map(m => [m.url, m.complete])).toEqual([
      [server.url, true],
      [`${server.url}?other`, false],
    ]);
  });

  test("loses a model that is removed, and only that one", async () => {
    await load();
    await load(`${server.url}?other`);
    await removeModel(`${server.url}#fragment`);
    expect((await listModels()).map(m => m.url)).toEqual([`${server.url}?other`]);
    server.requests.length = 0;
    expectBytes(await load(), FILE);
    expect(server.timesAsked()).toEqual([1, 1]);
  });

  test("keeps a model that is being downloaded: removing it is refused by name", async () => {
    const source = await openUrl(server.url, { tuning: TUNING });
    await expect(removeModel(server.url)).rejects.toMatchObject({ name: "StorageError", code: "in-use" });
    source.close();
    await vi.waitFor(() => removeModel(server.url));
  });
});

describe("a File as the source", () => {
  test("gives its bytes in pieces, in order, and copies nothing into storage", async () => {
    const file = new File([FILE], "mine.gguf");
    const reports: LoadProgress[] = [];
    const source = openFile(file, { onProgress: p => reports.push(p) });
    expect(source).toMatchObject({ name: "mine.gguf", url: null, size: FILE.length });
    expectBytes(await source.read(5, 10), FILE.slice(5, 15));
    expectBytes(await collect(source, 100, 50_000), FILE.slice(100, 50_000));
    expectBytes(await collect(source), FILE);
    expect(reports.at(-1)).toMatchObject({
      phase: "read",
      loadedBytes: FILE.length,
      totalBytes: FILE.length,
    });
    expect(await listModels()).toEqual([]);
    source.close();
    await expect(source.read(0, 1)).rejects.toMatchObject({ name: "AbortError" });
  });

  test("that was deleted meanwhile is a named error", async () => {
    const file = new File([FILE], "mine.gguf");
    vi.spyOn(file, "slice").mockImplementation(() => {
      const gone = new Blob([]);
      gone.arrayBuffer = async () => {
        throw new DOMException("gone", "NotFoundError");
      };
      return gone;
    });
    await expect(openFile(file).read(0, 1)).rejects.toMatchObject({ code: "file-unreadable" });
  });
});

describe("the progress meter", () => {
  test("reports at most ten times a second, speed over the last seconds, and time left", () => {
    const reports: LoadProgress[] = [];
    let now = 0;
    const meter = new ProgressMeter({
      phase: "download",
      totalBytes: 20_000_000,
      loadedBytes: 10_000_000,
      report: p => reports.push(p),
      now: () => now,
    });
    expect(reports).toEqual([
      {
        phase: "download",
        loadedBytes: 10_000_000,
        totalBytes: 20_000_000,
        bytesPerSecond: 0,
        secondsLeft: null,
      },
    ]);
    for (; now < 4000; now += 10) meter.add(10_000);
    expect(reports.length).toBeLessThanOrEqual(41);
    expect(reports.at(-1)!.bytesPerSecond).toBeGreaterThan(0.95e6);
    expect(reports.at(-1)!.bytesPerSecond).toBeLessThan(1.05e6);
    expect(reports.at(-1)!.secondsLeft).toBeCloseTo(6, 0);
    for (; now < 12_000; now += 100) meter.add(0); // stalled: the speed goes down
    expect(reports.at(-1)!.bytesPerSecond).toBe(0);
    expect(reports.at(-1)!.secondsLeft).toBeNull();
    meter.finish();
    expect(reports.at(-1)).toMatchObject({ loadedBytes: 20_000_000, secondsLeft: 0 });
  });
});
