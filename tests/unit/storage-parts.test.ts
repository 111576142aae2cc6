/** What a download that is killed in mid-chunk leaves behind. */
import { IDBObjectStore } from "fake-indexeddb";
import { expect, test, vi } from "vitest";
import { listModels, removeModel } from "../../src/storage/cache.ts";
import { type ChunkPart, getParts, putPart } from "../../src/storage/database.ts";
import { chunkHash } from "../../src/storage/hash.ts";
import { newManifest } from "../../src/storage/manifest.ts";
import { openUrl } from "../../src/storage/open-url.ts";
import { everythingStored } from "./support/storage-browser.ts";
import { collect, expectBytes, someBytes, TUNING } from "./support/storage-bytes.ts";
import { servedToEach } from "./support/storage-served.ts";
import type { FileServer } from "./support/storage-server.ts";

const PARTS = { ...TUNING, saveBytes: 16 * 1024, partBytes: 4 * 1024 };
const FILE = someBytes(TUNING.chunkBytes * 4);
/** Bytes that come of each chunk before the server falls silent. */
const COME = 50 * 1024;
let server: FileServer;

servedToEach(FILE, started => (server = started));

async function load(tuning = PARTS): Promise<Uint8Array> {
  const source = await openUrl(server.url, { tuning });
  try {
    return await collect(source);
  } finally {
    source.close();
  }
}

const partsOf = (index: number) => getParts(server.url, index);

/** Starts a download of which `COME` bytes of each chunk come, and ends it as the end of a tab would. */
async function broken(): Promise<void> {
  server.fault = (request, response, { bytes }) => {
    const { start, end } = request.range!;
    const stop = Math.floor(start / TUNING.chunkBytes) * TUNING.chunkBytes + COME;
    if (end <= stop) return false;
    response.writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${FILE.length}`, etag: '"v1"' });
    response.write(bytes.subarray(start, stop)); // and then nothing
    return true;
  };
  const gone = new AbortController();
  const source = await openUrl(server.url, { tuning: PARTS, signal: gone.signal });
  const reading = collect(source).catch((error: unknown) => error);
  await vi.waitFor(async () => {
    for (const index of [0, 1, 2, 3]) {
      const sizes = ((await partsOf(index)) as ChunkPart[]).map(({ bytes }) => bytes.size);
      // of the first chunk, the header is at hand before
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(32 * 1024);
    }
  });
  gone.abort();
  await reading;
  source.close();
  server.fault = undefined;
  server.requests.length = 0;
}

test("it goes on in the middle of its chunks, and no part is left at the end", async () => {
  await broken();
  expect(await listModels()).toMatchObject([{ storedBytes: 0, complete: false }]);
  expectBytes(await load(), FILE);
  // of each chunk at most what was not yet worth saving is fetched again, and of the first the header
  for (const index of [1, 2, 3]) {
    const start = index * TUNING.chunkBytes;
    expect(server.timesAsked(start, start + 32 * 1024)).toEqual([0, 0]);
    expect(server.timesAsked(start + COME, start + TUNING.chunkBytes)).toEqual([1, 1]);
  }
  for (const index of [0, 1, 2, 3]) expect(await partsOf(index)).toEqual([]);
  expect(await everythingStored()).toHaveLength(1 + 4);
});

test("of a file that has changed nothing is used", async () => {
  await broken();
  server.bytes = someBytes(FILE.length, 7);
  server.etag = '"v2"';
  expectBytes(await load(), server.bytes);
});

test("is removed with the model", async () => {
  await broken();
  await removeModel(server.url);
  expect(await everythingStored()).toEqual([]);
});

test("parts that are damaged, or that do not follow each other, are fetched again", async () => {
  const manifest = newManifest(
    server.url,
    { totalBytes: FILE.length, etag: '"v1"', lastModified: null },
    TUNING.chunkBytes,
  );
  const piece = async (from: number, to: number, at = from % TUNING.chunkBytes) => {
    const bytes = FILE.slice(from, to);
    return { at, bytes: new Blob([bytes]), hash: await chunkHash(bytes) };
  };
  const [one, two, three] = [1, 2, 3].map(index => index * TUNING.chunkBytes) as [number, number, number];
  const unreadable = await piece(0, 10);
  vi.spyOn(Blob.prototype, "arrayBuffer").mockRejectedValueOnce(new DOMException("gone", "NotReadableError"));
  await putPart(manifest, 0, 0, unreadable);
  await putPart(manifest, 1, 0, await piece(one, one + 1000));
  await putPart(manifest, 1, 1, { ...(await piece(one + 1000, one + 2000)), bytes: new Blob(["other"]) });
  await putPart(manifest, 2, 0, await piece(two, two + 1000));
  await putPart(manifest, 2, 1, await piece(two + 3000, two + 4000)); // of another try
  await putPart(manifest, 3, 0, 5 as never);
  await putPart(manifest, 3, 1, await piece(three, three + 1000, 0));
  expectBytes(await load(), FILE);
  expect(server.timesAsked(one, one + 1000)).toEqual([0, 0]);
  expect(server.timesAsked(one + 1000, two)).toEqual([1, 1]);
  expect(server.timesAsked(two, two + 1000)).toEqual([0, 0]);
  expect(server.timesAsked(two + 1000, three)).toEqual([1, 1]);
  expect(server.timesAsked(three)).toEqual([1, 1]);
  expect(await everythingStored()).toHaveLength(1 + 4);
});

test("what comes fast is not stored twice", async () => {
  const tuning = { ...PARTS, saveMs: 60_000 };
  const puts: unknown[] = [];
  const put = IDBObjectStore.prototype.put;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
    puts.push((key as readonly IDBValidKey[])[0]);
    return put.call(this, value, key);
  });
  expectBytes(await load(tuning), FILE);
  vi.restoreAllMocks();
  expect(puts.filter(kind => kind === "chunk")).toHaveLength(4);
  expect(puts.filter(kind => kind === "part")).toEqual([]);
});
