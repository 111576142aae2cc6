/** Servers and networks that are odd, but honest. */
import { describe, expect, test } from "vitest";
import { listModels } from "../../src/storage/cache.ts";
import { resolveHubAddress } from "../../src/storage/hub.ts";
import { type OpenUrlOptions, openUrl } from "../../src/storage/open-url.ts";
import type { LoadProgress } from "../../src/types.ts";
import { HubServer } from "./support/hub-server.ts";
import { fakeBrowser } from "./support/storage-browser.ts";
import { collect, expectBytes, someBytes, TUNING } from "./support/storage-bytes.ts";
import { servedToEach } from "./support/storage-served.ts";
import { type Fault, type FileServer, first, status } from "./support/storage-server.ts";

const FILE = someBytes(TUNING.chunkBytes * 5 + 1234);
let server: FileServer;

servedToEach(FILE, started => (server = started));

async function load(options: OpenUrlOptions = {}): Promise<Uint8Array> {
  const source = await openUrl(server.url, { ...options, tuning: { ...TUNING, ...options.tuning } });
  try {
    return await collect(source);
  } finally {
    source.close();
  }
}

describe("a server that hides the size of the file", () => {
  /** A 206 without Content-Range, of the bytes that are there. */
  const part =
    (lengths: boolean): Fault =>
    ({ range }, response, { bytes }) => {
      if (!range) return false;
      if (range.start >= bytes.length) response.writeHead(416).end();
      else {
        const body = bytes.subarray(range.start, range.end);
        response.writeHead(206, lengths ? { "content-length": String(body.length) } : {}).end(body);
      }
      return true;
    };
  const head: [string, Fault][] = [
    [
      "whose HEAD tells the length of a compressed reply",
      (_, response) => {
        response.writeHead(200, { "content-length": "4321", "content-encoding": "gzip" }).end();
        return true;
      },
    ],
    ["whose addresses are signed for GET alone", status(403)],
    [
      "that drops a HEAD",
      (_, response) => {
        response.destroy();
        return true;
      },
    ],
  ];

  test.each(head.flatMap(([what, fault]) => [true, false].map(lengths => [what, fault, lengths] as const)))(
    "%s",
    async (_, fault, lengths) => {
      server.etag = null;
      server.fault = (request, response, self) =>
        (request.method === "HEAD" ? fault : part(lengths))(request, response, self);
      expectBytes(await load(), FILE);
    },
  );

  test("is searched for its end where nothing else tells it, whatever the size", async () => {
    for (const size of [1, 2, 4095, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20 + 17]) {
      fakeBrowser();
      server.bytes = someBytes(size);
      server.fault = (request, response, self) =>
        (request.method === "HEAD" ? status(405) : part(false))(request, response, self);
      expectBytes(await load(), server.bytes);
    }
  });
});

describe("replies that are shorter than asked for", () => {
  test.each([100, 5000])("are taken as long as each brings something: %i bytes each", async most => {
    server.bytes = FILE.subarray(0, most * 120);
    server.fault = ({ range }, response, { bytes }) => {
      const { start, end } = range!;
      const stop = Math.min(end, start + most, bytes.length);
      response.writeHead(206, {
        "content-range": `bytes ${start}-${stop - 1}/${bytes.length}`,
        etag: '"v1"',
      });
      response.end(bytes.subarray(start, stop));
      return true;
    };
    const started = performance.now();
    expectBytes(await load({ tuning: { retryMs: 1000 } }), server.bytes);
    expect(performance.now() - started).toBeLessThan(1000); // nothing to wait for
  });
});

describe("several servers behind one address, with a tag each", () => {
  const tagged =
    (tags: number): Fault =>
    (_, __, self) => {
      self.etag = `"server ${Math.floor(Math.random() * tags)}"`;
      return false;
    };

  test.each([2, 4])("%i of them: the download comes to its end", async tags => {
    server.fault = tagged(tags);
    expectBytes(await load(), FILE);
    expect(server.timesAsked()[1]).toBeGreaterThan(1); // the tags did differ
  });

  test("a broken download goes on", async () => {
    const source = await openUrl(server.url, { tuning: { ...TUNING, connections: 1 } });
    for await (const { offset } of source.stream()) if (offset >= TUNING.chunkBytes) break;
    source.close();
    let replies = 0;
    server.fault = (_, __, self) => {
      self.etag = replies++ % 2 ? '"v1"' : '"v2"';
      return false;
    };
    server.requests.length = 0;
    expectBytes(await load(), FILE);
    expect(server.timesAsked(1, TUNING.chunkBytes * 2)).toEqual([0, 0]);
  });

  test("with two files: their bytes are never mixed", async () => {
    const other = someBytes(FILE.length, 9);
    let replies = 0;
    server.fault = async (request, response, self) => {
      const second = replies++ % 2 === 1;
      self.etag = second ? '"second"' : '"first"';
      await self.send(
        request,
        response,
        (second ? other : FILE).slice(request.range!.start, request.range!.end),
      );
      return true;
    };
    expectBytes(await load(), FILE);
  });

  test("a first reply that broke off is not filled up from another file", async () => {
    const other = someBytes(FILE.length, 9);
    server.headers = { "last-modified": "Thu, 01 Jan 1970 00:00:01 GMT" };
    server.fault = first(1, async (request, response, self) => {
      const { start, end } = request.range!;
      response.writeHead(206, {
        ...self.headers,
        "content-range": `bytes ${start}-${end - 1}/${FILE.length}`,
        "content-length": String(end - start),
        etag: '"v1"',
      });
      response.write(FILE.subarray(start, start + 100));
      await new Promise(resolve => setTimeout(resolve, 20));
      self.bytes = other;
      self.etag = '"v2"';
      response.destroy();
      return true;
    });
    await expect(load()).rejects.toMatchObject({ code: "changed-on-server" });
    expectBytes(await load(), other);
  });
});

describe("waiting for a socket", () => {
  test("is no stall while others get bytes", async () => {
    // One reply at a time, as if the browser had one socket for this host.
    let before = Promise.resolve();
    server.fault = async (request, response, self) => {
      const turn = before.then(() => new Promise<void>(resolve => setTimeout(resolve, 60)));
      before = turn;
      await turn;
      await self.send(request, response);
      return true;
    };
    const reports: LoadProgress[] = [];
    const tuning = { connections: 6, stallMs: 150, answerMs: 150 };
    expectBytes(await load({ tuning, onProgress: p => reports.push(p) }), FILE);
    expect(reports.filter(({ retry }) => retry)).toEqual([]);
    expect(server.requests).toHaveLength(7);
  });

  test("is given up where nothing comes at all", async () => {
    server.fault = first(
      1,
      () => new Promise(() => {}),
      ({ range }) => range!.start > TUNING.chunkBytes * 3,
    );
    expectBytes(await load({ tuning: { answerMs: 100 } }), FILE);
  });
});

describe("progress tells of retries", () => {
  test("in the header and in the download, and then no more", async () => {
    const reports: LoadProgress[] = [];
    server.fault = first(1, status(503));
    const source = await openUrl(server.url, { tuning: TUNING, onProgress: p => reports.push(p) });
    expect(reports).toEqual([
      {
        phase: "header",
        loadedBytes: 0,
        totalBytes: 0,
        bytesPerSecond: 0,
        secondsLeft: null,
        retry: { attempt: 2, attempts: 3, waitMs: expect.any(Number), reason: expect.stringMatching(/503/) },
      },
    ]);
    expect(reports[0]!.retry!.waitMs).toBeGreaterThan(0);
    reports.length = 0;
    server.fault = first(2, status(429, { "retry-after": "0.05" }), r => r.range!.start >= TUNING.chunkBytes);
    expectBytes(await collect(source), FILE);
    source.close();
    const retries = reports.filter(({ retry }) => retry);
    expect(retries).toHaveLength(2);
    expect(retries[0]).toMatchObject({ phase: "download", totalBytes: FILE.length, retry: { waitMs: 50 } });
    expect(reports.at(-1)).not.toHaveProperty("retry");
  });

  test("while the Hub is asked", async () => {
    const hub = await HubServer.start();
    hub.put("o/r", "m-Q8_0.gguf", FILE);
    let failures = 1;
    hub.fault = (_, response) => {
      if (failures-- <= 0) return false;
      response.writeHead(503).end();
      return true;
    };
    const retries: unknown[] = [];
    const signal = new AbortController().signal;
    const options = {
      headers: new Headers(),
      signal,
      tuning: TUNING,
      onRetry: (r: unknown) => retries.push(r),
    };
    await resolveHubAddress("hf:o/r", { base: hub.url, token: null }, options);
    expect(retries).toMatchObject([{ attempt: 2, attempts: 3, reason: expect.stringMatching(/503/) }]);
    await hub.close();
  });
});

test("an error says that something is stored only where something is", async () => {
  server.fault = status(503);
  const early = await load().catch((error: unknown) => error);
  expect(early).toMatchObject({
    code: "http-status",
    message: expect.not.stringMatching(/stored|stays|goes on/),
  });
  server.fault = first(
    Number.POSITIVE_INFINITY,
    status(503),
    ({ range }) => range!.start >= TUNING.chunkBytes * 2,
  );
  const late = await load({ tuning: { connections: 1 } }).catch((error: unknown) => error);
  const [{ storedBytes } = { storedBytes: 0 }] = await listModels();
  expect(storedBytes).toBe(TUNING.chunkBytes * 2);
  const kept = {
    code: "http-status",
    message: expect.stringMatching(new RegExp(`${storedBytes} bytes: the next load goes on`)),
    details: { status: 503, storedBytes },
  };
  expect(late).toMatchObject(kept);
  server.fault = status(503);
  expect(await load().catch((error: unknown) => error)).toMatchObject(kept);
});
