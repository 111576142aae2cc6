import { describe, expect, test, vi } from "vitest";
import { listModels } from "../../src/storage/cache.ts";
import { Head } from "../../src/storage/head.ts";
import { checkHeaders } from "../../src/storage/names.ts";
import { type OpenUrlOptions, openUrl } from "../../src/storage/open-url.ts";
import type { LoadProgress } from "../../src/types.ts";
import { fakeBrowser } from "./support/storage-browser.ts";
import { collect, expectBytes, someBytes, TUNING } from "./support/storage-bytes.ts";
import { servedToEach } from "./support/storage-served.ts";
import { dropAfter, type FileServer, first, status } from "./support/storage-server.ts";

const FILE = someBytes(TUNING.chunkBytes * 5 + 1234);
const CHUNKS = 6;
let server: FileServer;

servedToEach(FILE, started => (server = started));

const open = (options: OpenUrlOptions = {}) =>
  openUrl(server.url, { ...options, tuning: { ...TUNING, ...options.tuning } });

/** Opens, takes everything, closes. */
async function load(options?: OpenUrlOptions): Promise<Uint8Array> {
  const source = await open(options);
  try {
    return await collect(source);
  } finally {
    source.close();
  }
}

describe("a download", () => {
  test("gives the bytes in order, asks for each once, and leaves a complete model in the cache", async () => {
    expectBytes(await load(), FILE);
    expect(server.timesAsked()).toEqual([1, 1]);
    expect(server.requests).toHaveLength(1 + CHUNKS);
    expect(await listModels()).toEqual([
      {
        url: server.url,
        parts: 1,
        totalBytes: FILE.length,
        storedBytes: FILE.length,
        complete: true,
        lastUsed: expect.any(Number),
      },
    ]);
  });

  test("reads the header with small requests, whose bytes the download does not fetch again", async () => {
    const source = await open();
    expect(source).toMatchObject({ size: FILE.length, name: "model.gguf", url: server.url });
    expect(server.requests).toHaveLength(1);
    expectBytes(await source.read(0, 10_000), FILE.slice(0, 10_000));
    expect(server.requests).toHaveLength(1);
    expectBytes(await source.read(10_000, 20_000), FILE.slice(10_000, 30_000));
    expectBytes(await source.read(30_000, 100_000), FILE.slice(30_000, 130_000));
    expect(server.timesAsked(130_000)).toEqual([0, 0]);
    expectBytes(await collect(source, 130_000), FILE.slice(130_000));
    source.close();
    expect(server.timesAsked()).toEqual([1, 1]);
    expect(await listModels()).toMatchObject([{ complete: true }]);
  });

  test("gives a part of the file on demand, and still stores all of it", async () => {
    const source = await open();
    expectBytes(await collect(source, 100_001, 200_003), FILE.slice(100_001, 200_003));
    source.close();
    expectBytes(await load(), FILE);
    expect(server.timesAsked()).toEqual([1, 1]);
  });

  test("sends the caller's headers, and stores none of them", async () => {
    await load({ headers: new Headers({ Authorization: "Bearer secret" }) });
    expect(server.requests.every(r => r.headers.authorization === "Bearer secret")).toBe(true);
  });

  test("uses several connections at a time, and not more than allowed", async () => {
    let open = 0;
    let most = 0;
    server.fault = async ({ range }) => {
      most = Math.max(most, ++open);
      // The first replies wait for each other, whatever the machine is busy with; the later ones give a fourth time.
      if (range!.start > 0) await vi.waitFor(() => expect(most).toBe(3), { timeout: 5000, interval: 5 });
      await new Promise(resolve => setTimeout(resolve, 20));
      open--;
      return false;
    };
    await load({ tuning: { connections: 3 } });
    expect(most).toBe(3);
  });

  test("reports bytes up to the whole, with phase download, then read from the cache", async () => {
    const reports: LoadProgress[] = [];
    await load({ onProgress: p => reports.push(p) });
    expect(new Set(reports.map(p => p.phase))).toEqual(new Set(["download"]));
    expect(reports.at(-1)).toMatchObject({
      loadedBytes: FILE.length,
      totalBytes: FILE.length,
      secondsLeft: 0,
    });
    reports.length = 0;
    await load({ onProgress: p => reports.push(p) });
    expect(new Set(reports.map(p => p.phase))).toEqual(new Set(["read"]));
    expect(reports.at(-1)).toMatchObject({ loadedBytes: FILE.length, totalBytes: FILE.length });
  });

  test("of a cached model needs no server", async () => {
    await load();
    await server.close();
    expectBytes(await load(), FILE);
  });

  test("frees each piece when the next is asked for", async () => {
    for (let round = 0; round < 2; round++) {
      const source = await open();
      let before: Uint8Array | undefined;
      for await (const { bytes } of source.stream()) {
        expect(before?.byteLength ?? 0).toBe(0);
        expect(bytes.byteLength).toBeGreaterThan(0);
        before = bytes;
      }
      source.close();
    }
  });

  test("drops what the header reads have fetched as soon as it is stored", async () => {
    const cleared: number[] = [];
    const clear = vi.spyOn(Head.prototype, "clear").mockImplementation(function (this: Head) {
      cleared.push(this.length);
    });
    const source = await open();
    try {
      // one and a half chunks: two have to be stored
      const known = TUNING.chunkBytes * 1.5;
      expectBytes(await source.read(0, known), FILE.slice(0, known));
      for await (const { offset } of source.stream())
        if (offset >= TUNING.chunkBytes) expect(cleared[0]).toBe(known); // chunks 0 and 1 are stored
    } finally {
      source.close();
      clear.mockRestore();
    }
    const head = new Head();
    const bytes = Uint8Array.of(1, 2, 3);
    head.append(bytes);
    expectBytes(head.slice(1, 9), Uint8Array.of(2, 3));
    head.clear();
    expect([head.length, bytes.byteLength]).toEqual([0, 0]);
  });

  test("gives pieces whose buffers may be transferred away", async () => {
    for (let round = 0; round < 2; round++) {
      const source = await open();
      await source.read(0, 100);
      let sum = 0;
      for await (const { bytes } of source.stream()) {
        sum += bytes.length;
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      }
      expect(sum).toBe(FILE.length);
      source.close();
    }
  });
});

describe("a download that was broken off", () => {
  test("goes on with the chunks that are missing", async () => {
    const gone = new AbortController();
    const source = await open({ signal: gone.signal, tuning: { connections: 2 } });
    await expect(async () => {
      for await (const { offset } of source.stream()) if (offset >= TUNING.chunkBytes * 2) gone.abort();
    }).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
    source.close();
    const [{ storedBytes, complete } = { storedBytes: 0, complete: true }] = await listModels();
    expect(complete).toBe(false);
    expect(storedBytes).toBeGreaterThanOrEqual(TUNING.chunkBytes * 3);

    server.requests.length = 0;
    expectBytes(await load(), FILE);
    const asked = server.requests.reduce(
      (sum, { range }) => sum + Math.min(range!.end, FILE.length) - range!.start,
      0,
    );
    // One byte more: the question whether the file is still the same.
    expect(asked).toBe(FILE.length - storedBytes + 1);
  });

  test("begins anew when the file on the server has changed since", async () => {
    const source = await open();
    for await (const _ of source.stream()) break;
    source.close();
    server.bytes = someBytes(FILE.length, 2);
    server.etag = '"v2"';
    expectBytes(await load(), server.bytes);
  });

  test("leaves nothing under way when the consumer stops", async () => {
    server.fault = (request, response) => {
      if (!request.range || request.range.start < TUNING.chunkBytes * 2) return false;
      response.writeHead(206, { etag: '"v1"' }).write("x"); // never ends
      return true;
    };
    const source = await open();
    for await (const _ of source.stream()) break;
    source.close();
    server.fault = undefined;
    expectBytes(await load(), FILE); // would hang if the lock were held
  });

  test("ends at once with the signal's reason, also while it waits to try again", async () => {
    server.fault = status(503, { "retry-after": "20" });
    const started = performance.now();
    const reason = new Error("enough");
    const signal = new AbortController();
    setTimeout(() => signal.abort(reason), 50);
    await expect(open({ signal: signal.signal })).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(2000);
    await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("a server with passing troubles is asked again", () => {
  test("503 twice", async () => {
    server.fault = first(2, status(503));
    expectBytes(await load(), FILE);
  });
  test("429", async () => {
    server.fault = first(1, status(429, { "retry-after": "0" }), r => r.range!.start > 0);
    expectBytes(await load(), FILE);
  });
  test("connections cut in the middle: it goes on at that byte", async () => {
    server.fault = first(2, dropAfter(20_000), r => r.range!.start === TUNING.chunkBytes * 2);
    expectBytes(await load(), FILE);
    const starts = server.requests.map(r => r.range!.start);
    expect(
      starts.some(start => start > TUNING.chunkBytes * 2 && start <= TUNING.chunkBytes * 2 + 20_000),
    ).toBe(true);
  });
  test("a reply that is shorter than asked for", async () => {
    server.fault = first(
      1,
      (request, response) => {
        const { start } = request.range!;
        response.writeHead(206, {
          "content-range": `bytes ${start}-${start + 99}/${FILE.length}`,
          etag: '"v1"',
        });
        response.end(FILE.subarray(start, start + 100));
        return true;
      },
      r => r.range!.start > TUNING.chunkBytes,
    );
    expectBytes(await load(), FILE);
  });
  test("a connection on which nothing comes", async () => {
    server.fault = first(
      1,
      (_, response) => {
        response.writeHead(206, { etag: '"v1"' }).write("");
        return true;
      },
      r => r.range!.start > TUNING.chunkBytes,
    );
    expectBytes(await load({ tuning: { stallMs: 100 } }), FILE);
  });
});

describe("a server that stays wrong ends in a named error, and the next load works", () => {
  const later = (r: { range: { start: number } | null }): boolean =>
    (r.range?.start ?? 0) >= TUNING.chunkBytes;
  const always = Number.POSITIVE_INFINITY;
  test.each([
    ["404", status(404), "http-status", /404 .*Check the URL/],
    ["403", status(403), "http-status", /403 .*Authorization/],
    ["500 for ever", status(500), "http-status", /500 .*load again later/],
    ["404 in mid-download", first(always, status(404), later), "http-status", /404/],
    ["503 in mid-download", first(always, status(503), later), "http-status", /503/],
    ["no ranges", status(200), "no-ranges", /Accept-Ranges.*pick it from disk/],
    [
      "a web page",
      status(200, { "content-type": "text/html; charset=utf-8" }),
      "not-gguf",
      /web page.*\/resolve\//,
    ],
    ["connections cut at once", dropAfter(0), "network", /CORS/],
    [
      "connections cut in mid-download",
      first(always, dropAfter(0), later),
      "network",
      /at byte \d+.*load again/,
    ],
    [
      "too many bytes",
      (request, response) => {
        const { start, end } = request.range!;
        response.writeHead(206, { "content-range": `bytes ${start}-${end}/${FILE.length}`, etag: '"v1"' });
        response.end(FILE.subarray(start, end + 10));
        return true;
      },
      "bad-range",
      /more than the 10000 bytes/,
    ],
    [
      "other bytes than asked for",
      (request, response) => {
        const { end } = request.range!;
        response.writeHead(206, { "content-range": `bytes 5-${end + 4}/${FILE.length}` }).end();
        return true;
      },
      "bad-range",
      /asked for byte 0, got bytes 5-/,
    ],
    [
      "empty replies",
      (request, response) => {
        const { start } = request.range!;
        response
          .writeHead(206, { "content-range": `bytes ${start}-${start}/${FILE.length}`, etag: '"v1"' })
          .end();
        return true;
      },
      "bad-range",
      /0 of 10000 bytes/,
    ],
    [
      "no size at all",
      (request, response) => {
        if (request.method === "HEAD") response.writeHead(200, { "transfer-encoding": "chunked" }).end();
        else response.writeHead(206).end(FILE.subarray(0, 10_000));
        return true;
      },
      "no-size",
      /Access-Control-Expose-Headers/,
    ],
    [
      "a changed file in mid-download",
      first(
        always,
        (_request, _response, s) => {
          s.etag = '"v2"';
          return false;
        },
        later,
      ),
      "changed-on-server",
      /ETag "v1", now "v2".*load again/,
    ],
    [
      "another size in mid-download",
      first(
        always,
        (request, response) => {
          const { start, end } = request.range!;
          response.writeHead(206, {
            "content-range": `bytes ${start}-${end - 1}/${FILE.length + 1}`,
            etag: '"v1"',
          });
          response.end(FILE.subarray(start, end));
          return true;
        },
        later,
      ),
      "changed-on-server",
      /size \d+, now \d+/,
    ],
  ] satisfies [string, typeof server.fault, string, RegExp][])("%s", async (_, fault, code, message) => {
    server.fault = fault;
    await expect(load()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    server.fault = undefined;
    expectBytes(await load(), FILE);
  });

  test("a server that is down", async () => {
    await server.close();
    await expect(load()).rejects.toMatchObject({ name: "DownloadError", code: "network" });
  });

  test("a URL that is none, and headers that are none", async () => {
    expect(() => checkHeaders({ "a b": "c" })).toThrow(expect.objectContaining({ code: "option" }));
    try {
      checkHeaders({ Authorization: "Bearer \n secret" });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "option", message: expect.stringMatching(/Authorization/) });
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/secret/);
    }
    await expect(openUrl("model.gguf")).rejects.toMatchObject({ name: "InputError", code: "option" });
    await expect(openUrl("ftp://x/model.gguf")).rejects.toMatchObject({ code: "option" });
  });
});

describe("a server that hides its headers from the page (CORS)", () => {
  test("is asked for the size by HEAD", async () => {
    server.etag = null;
    server.fault = (request, response) => {
      if (request.method === "HEAD") return false;
      const { start, end } = request.range!;
      response.writeHead(206).end(FILE.subarray(start, end));
      return true;
    };
    expectBytes(await load(), FILE);
    expect(server.requests.filter(r => r.method === "HEAD")).toHaveLength(1);
  });
});

describe("two loads of the same URL at a time", () => {
  test("fetch each byte once; the second reports the progress of the first", async () => {
    server.fault = async () => {
      await new Promise(resolve => setTimeout(resolve, 30));
      return false;
    };
    const reports: LoadProgress[] = [];
    const [one, two] = await Promise.all([
      load({ tuning: { connections: 1 } }),
      load({ onProgress: p => reports.push(p) }),
    ]);
    expectBytes(one, FILE);
    expectBytes(two, FILE);
    expect(server.timesAsked()).toEqual([1, 1]);
    expect(reports.some(p => p.phase === "download" && p.loadedBytes > 0)).toBe(true);
    expect(reports.at(-1)?.phase).toBe("read");
  });

  test("the second goes on where the first was stopped", async () => {
    const gone = new AbortController();
    const firstLoad = open({ tuning: { connections: 1 } }).then(async source => {
      for await (const { offset } of source.stream()) if (offset > 0) break;
      source.close();
    });
    const second = load();
    await firstLoad;
    expectBytes(await second, FILE);
    gone.abort();
    expect(server.timesAsked(TUNING.headBytes, TUNING.chunkBytes * 2)).toEqual([1, 1]);
  });

  test("waiting ends with the signal's reason", async () => {
    const source = await open();
    const reason = new Error("enough");
    const signal = new AbortController();
    setTimeout(() => signal.abort(reason), 30);
    await expect(open({ signal: signal.signal })).rejects.toBe(reason);
    source.close();
  });

  test("work without Web Locks too", async () => {
    fakeBrowser({ locks: false });
    const both = await Promise.all([load(), load()]);
    for (const bytes of both) expectBytes(bytes, FILE);
    expect(await listModels()).toMatchObject([{ complete: true }]);
  });
});
