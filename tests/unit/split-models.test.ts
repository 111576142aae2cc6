import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { listModels, removeModel } from "../../src/storage/cache.ts";
import { partUrls } from "../../src/storage/part-names.ts";
import type { LoadProgress } from "../../src/types.ts";
import { HubServer } from "./support/hub-server.ts";
import { loaded, modelBytes, open, tensorBytes } from "./support/models.ts";
import { splitGguf } from "./support/split-gguf.ts";
import { fakeBrowser } from "./support/storage-browser.ts";

const WHOLE = modelBytes();
const blob = (bytes: Uint8Array): Blob => new Blob([new Uint8Array(bytes)]);
let expected: Map<string, Uint8Array>;
let parts: Uint8Array[];
let server: HubServer;
let urls: string[];

const partName = (no: number, count = 3): string =>
  `m-${String(no).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.gguf`;

beforeEach(async () => {
  fakeBrowser();
  parts = await splitGguf(WHOLE, [2, 3, 2]);
  expected = await loaded(blob(WHOLE));
  server = await HubServer.start();
  urls = parts.map((bytes, index) => server.put("o/r", partName(index + 1), bytes));
});
afterEach(async () => {
  await server.close();
  vi.unstubAllGlobals();
});

test("the fixture: parts have less than all tensors, and the whole has bytes", async () => {
  expect(expected.size).toBe(7);
  expect(expected.get("t6")!.some(byte => byte !== 0)).toBe(true);
  await expect(open([blob(parts[1]!)])).rejects.toMatchObject({ code: "split-missing" });
});

describe("the files of a split model", () => {
  test.each([
    ["in order", [0, 1, 2]],
    ["in any order", [2, 0, 1]],
  ])("are one model, given %s", async (_, order) => {
    const opened = await open(order.map(index => blob(parts[index]!)));
    expect(opened.file.metadata["general.name"]).toBe("test");
    expect(opened.file.fileBytes).toBe(parts.reduce((sum, { length }) => sum + length, 0));
    expect(opened.source.size).toBe(opened.file.fileBytes);
    const { offset, bytes } = opened.file.tensors[4]!;
    expect(await opened.source.read(offset, bytes)).toEqual(expected.get("t4"));
    expect(await tensorBytes(opened)).toEqual(expected);
  });

  test("may have a first part without tensors", async () => {
    const headed = await splitGguf(WHOLE, [0, 4, 3]);
    expect(await loaded(headed.map(blob))).toEqual(expected);
  });

  test("are named where one is missing", async () => {
    await expect(open([blob(parts[2]!), blob(parts[0]!)])).rejects.toMatchObject({
      name: "ModelFormatError",
      code: "split-missing",
      message: expect.stringMatching(/one of 3 files.*part 2 is not there/),
      details: { missing: ["2"], parts: 3 },
    });
  });

  test("are named where one comes twice", async () => {
    await expect(open([parts[0]!, parts[1]!, parts[1]!].map(blob))).rejects.toMatchObject({
      code: "split-duplicate",
      message: expect.stringMatching(/part 2 of 3/),
    });
    await expect(open([urls[0]!, urls[1]!, urls[0]!])).rejects.toMatchObject({ code: "split-duplicate" });
  });

  test("are named where they belong to different models", async () => {
    const fewer = await splitGguf(modelBytes({ count: 6 }), [2, 2, 2]);
    const halves = await splitGguf(WHOLE, [3, 4]);
    const other = await splitGguf(WHOLE, [1, 3, 3]);
    const mixes = [
      [parts[0]!, parts[1]!, fewer[2]!],
      [parts[0]!, halves[1]!],
      [parts[0]!, WHOLE],
      [WHOLE, WHOLE],
      [parts[0]!, other[1]!, parts[2]!],
      [other[0]!, parts[1]!, parts[2]!],
    ];
    for (const mix of mixes) {
      await expect(open(mix.map(blob))).rejects.toMatchObject({
        name: "ModelFormatError",
        code: "split-mismatch",
      });
    }
  });

  test("report progress over all of them", async () => {
    const reports: LoadProgress[] = [];
    await loaded(parts.map(blob), { reports });
    const { dataOffset } = (await open(parts.map(blob))).file;
    const total = parts.reduce((sum, { length }) => sum + length, 0) - dataOffset;
    const read = reports.filter(({ phase }) => phase === "read");
    expect(new Set(read.map(({ totalBytes }) => totalBytes))).toEqual(new Set([total]));
    expect(read[0]).toMatchObject({ loadedBytes: 0 });
    expect(read.at(-1)).toMatchObject({ loadedBytes: total });
  });
});

describe("the address of one part", () => {
  const total = (): number => parts.reduce((sum, { length }) => sum + length, 0);

  test.each([0, 1, 2])(
    "(number %i from 0) loads the model, which then is in the cache as one",
    async index => {
      const reports: LoadProgress[] = [];
      expect(await loaded(urls[index]!, { reports })).toEqual(expected);
      const downloads = reports.filter(({ phase }) => phase === "download");
      expect(new Set(downloads.map(({ totalBytes }) => totalBytes))).toEqual(new Set([total()]));
      expect(downloads.at(-1)).toMatchObject({ loadedBytes: total() });
      expect(await listModels()).toEqual([
        {
          url: urls[0],
          parts: 3,
          totalBytes: total(),
          storedBytes: total(),
          complete: true,
          lastUsed: expect.any(Number),
        },
      ]);
      server.hubRequests.length = 0;
      expect(await loaded(urls[2 - index]!)).toEqual(expected);
      expect(server.hubRequests).toEqual([]);
      await removeModel(urls[index]!);
      expect(await listModels()).toEqual([]);
    },
  );

  test("is enough for addresses in a list, too, in any order", async () => {
    expect(await loaded([urls[1]!, urls[2]!, urls[0]!])).toEqual(expected);
    expect(await listModels()).toHaveLength(1);
  });

  test("goes on where a broken download stopped, and a half-done one is listed as such", async () => {
    server.fault = (request, response) => {
      if (!request.url!.includes(partName(3)) || request.headers.range?.startsWith("bytes=0-")) return false;
      response.writeHead(404).end();
      return true;
    };
    // The third part's header was fetched with its first request; make it longer than that.
    parts = await splitGguf(modelBytes({ count: 30 }), [2, 3, 25]);
    for (const [index, bytes] of parts.entries()) server.put("o/r", partName(index + 1), bytes);
    expect(parts[2]!.length).toBeGreaterThan(1024 * 1024);
    await expect(loaded(urls[0]!)).rejects.toMatchObject({ code: "http-status" });
    const [half, ...others] = await listModels();
    expect(others).toEqual([]);
    expect(half).toMatchObject({ url: urls[0], parts: 3, totalBytes: total(), complete: false });
    expect(half!.storedBytes).toBe(parts[0]!.length + parts[1]!.length);
    server.fault = undefined;
    const reports: LoadProgress[] = [];
    server.storeRequests.length = 0;
    await loaded(urls[0]!, { reports });
    expect(server.storeRequests.every(({ path }) => path.includes(partName(3)))).toBe(true);
    const downloads = reports.filter(({ phase }) => phase === "download");
    expect(downloads[0]!.loadedBytes).toBe(half!.storedBytes);
    expect(await listModels()).toMatchObject([{ complete: true, storedBytes: total() }]);
  });

  test("whose other parts are not there is a named error", async () => {
    server.files.delete(new URL(urls[1]!).pathname);
    await expect(open(urls[0]!)).rejects.toMatchObject({
      name: "ModelFormatError",
      code: "split-missing",
      message: expect.stringMatching(/3 files.*00002-of-00003.*all parts/),
      cause: expect.objectContaining({ name: "DownloadError" }),
    });
    await expect(open(urls[2]!)).rejects.toMatchObject({ code: "split-missing" });
  });

  test("may be the name of a whole model after all", async () => {
    const url = server.put("o/r", partName(1, 2), WHOLE);
    expect(await loaded(url)).toEqual(expected);
  });

  test("loads once, when two ask for it by different parts", async () => {
    const both = await Promise.all([loaded(urls[0]!), loaded(urls[2]!)]);
    expect(both).toEqual([expected, expected]);
    expect(server.storeRequests).toHaveLength(3);
  });

  test("removing a model that is being downloaded is refused", async () => {
    const opened = await open(urls[0]!);
    const stream = opened.source.stream()[Symbol.asyncIterator]();
    await stream.next();
    await expect(removeModel(urls[0]!)).rejects.toMatchObject({ name: "StorageError", code: "in-use" });
    await stream.return?.();
    opened.source.close();
    await vi.waitFor(() => removeModel(urls[0]!));
    expect(await listModels()).toEqual([]);
  });

  test("gives the others' addresses, whatever else is in it", () => {
    expect(partUrls("https://x.org/a/m-00002-of-00003.gguf?download=true")).toEqual([
      "https://x.org/a/m-00001-of-00003.gguf?download=true",
      "https://x.org/a/m-00002-of-00003.gguf?download=true",
      "https://x.org/a/m-00003-of-00003.gguf?download=true",
    ]);
    for (const whole of ["m.gguf", "m-00004-of-00003.gguf", "m-00000-of-00003.gguf", "m-1-of-3.gguf"])
      expect(partUrls(`https://x.org/${whole}`)).toEqual([`https://x.org/${whole}`]);
    expect(() => partUrls("https://x.org/m-00001-of-99999.gguf")).toThrow(/at most 512/);
  });
});
