/** Files of more than 4 GiB, where 32-bit offsets would go wrong. Nothing here holds more than a few chunks of one. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseGguf } from "../../src/gguf/gguf.ts";
import { joinParts } from "../../src/gguf/split.ts";
import { putChunk } from "../../src/storage/database.ts";
import { openFile } from "../../src/storage/file-source.ts";
import { chunkHash } from "../../src/storage/hash.ts";
import { JoinedSource } from "../../src/storage/joined-source.ts";
import { chunkRange, newManifest } from "../../src/storage/manifest.ts";
import { openUrl } from "../../src/storage/open-url.ts";
import { CHUNK_BYTES, type ModelSource } from "../../src/storage/source.ts";
import { typed, writeGguf } from "./support/gguf-writer.ts";
import { fakeBrowser } from "./support/storage-browser.ts";
import { collect, expectBytes } from "./support/storage-bytes.ts";

const GIB = 2 ** 30;
/** One tensor that ends past 4 GiB, one that begins there, one past 8 GiB. */
const HEADER = writeGguf({
  metadata: { "general.architecture": "llama", "split.count": typed("u16", 0) },
  tensors: [
    { name: "wide", type: "F16", dims: [65_536, 40_960], data: new Uint8Array(0), offset: 0 },
    { name: "far", type: "F32", dims: [1024], data: new Uint8Array(0), offset: 5 * GIB },
    { name: "farther", type: "F32", dims: [1024], data: new Uint8Array(0), offset: 8 * GIB + 32 },
  ],
});
const DATA = Math.ceil(HEADER.length / 32) * 32;
const SIZE = DATA + 8 * GIB + 32 + 4096;

/** What stands at `[start, end)`: the header, then bytes that tell 4 GiB apart from 0. */
function bytesAt(start: number, end: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(end - start);
  for (let i = 0; i < bytes.length; i++) {
    const at = start + i;
    bytes[i] = HEADER[at] ?? (at % 251) + Math.floor(at / GIB);
  }
  return bytes;
}

/** A File of that size which keeps nothing. */
const largeFile = {
  size: SIZE,
  name: "large.gguf",
  slice: (start: number, end: number) => ({ arrayBuffer: async () => bytesAt(start, end).buffer }),
} as unknown as File;

const headerOf = (source: ModelSource) =>
  parseGguf((offset, length) => source.read(offset, length), source.size);

/** First piece of the stream from a tensor's start, and what it should be. */
async function checkTensors(
  source: ModelSource,
  tensors: readonly { offset: number; bytes: number }[],
): Promise<void> {
  for (const { offset, bytes } of tensors.slice(1)) {
    expectBytes(await collect(source, offset, offset + bytes), bytesAt(offset, offset + bytes));
    expectBytes(await source.read(offset + 8, 100), bytesAt(offset + 8, offset + 108));
  }
}

let server: Server;
let url: string;
let asked: [number, number][];

beforeEach(async () => {
  fakeBrowser();
  asked = [];
  server = createServer((request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")!;
    const [start, end] = [Number(first), Math.min(Number(last) + 1, SIZE)];
    asked.push([start, end]);
    response.writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${SIZE}`, etag: '"v1"' });
    response.end(bytesAt(start, end));
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/large.gguf`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
  vi.unstubAllGlobals();
});

test("a header's 64-bit offsets and sizes are exact", async () => {
  const file = await headerOf(openFile(largeFile));
  expect(file.tensors).toMatchObject([
    { name: "wide", offset: DATA, bytes: 5 * GIB },
    { name: "far", offset: DATA + 5 * GIB, bytes: 4096 },
    { name: "farther", offset: DATA + 8 * GIB + 32, bytes: 4096 },
  ]);
});

test("a File gives its tensors past 4 GiB", async () => {
  const source = openFile(largeFile);
  await checkTensors(source, (await headerOf(source)).tensors);
});

test("a URL gives its header by ranges past 4 GiB", async () => {
  const source = await openUrl(url);
  const { tensors } = await headerOf(source);
  const { offset } = tensors[2]!;
  expectBytes(await source.read(offset, 200), bytesAt(offset, offset + 200));
  expect(asked.at(-1)).toEqual([offset, offset + 200]);
  source.close();
});

test("chunks past 4 GiB are stored, found, checked and mended under their own keys", async () => {
  // Only the chunks that are asked for exist; the manifest says that all do.
  const manifest = newManifest(url, { totalBytes: SIZE, etag: '"v1"', lastModified: null }, CHUNK_BYTES);
  const hashes: string[] = manifest.hashes.map(() => "0");
  const source = openFile(largeFile);
  const { tensors } = await headerOf(source);
  const wanted = new Set([0, ...tensors.slice(1).map(({ offset }) => Math.floor(offset / CHUNK_BYTES))]);
  for (const index of wanted) {
    const { start, end } = chunkRange(manifest, index);
    const bytes = bytesAt(start, end);
    hashes[index] = await chunkHash(bytes);
    if (index > 0) await putChunk({ ...manifest, hashes, complete: true }, index, new Blob([bytes]));
  }
  expect([...wanted].every(index => index === 0 || index * CHUNK_BYTES > 4 * GIB)).toBe(true);
  const cached = await openUrl(url);
  expect(cached.missingBytes).toBe(0);
  await checkTensors(cached, (await headerOf(cached)).tensors);
  // Chunk 0 was listed and not there: it alone was fetched.
  expect(asked).toEqual([[0, CHUNK_BYTES]]);
  cached.close();
});

test("a split model whose later part begins past 4 GiB has its tensors in the right place", async () => {
  const part = (no: number, tensors: Parameters<typeof writeGguf>[0]["tensors"]): Uint8Array =>
    writeGguf({
      metadata: { "split.no": typed("u16", no), "split.count": typed("u16", 2), "split.tensors.count": 2 },
      tensors,
    });
  const head = part(0, [
    { name: "wide", type: "F16", dims: [65_536, 40_960], data: new Uint8Array(0), offset: 0 },
  ]);
  const firstSize = Math.ceil(head.length / 32) * 32 + 5 * GIB;
  const first = {
    size: firstSize,
    name: "1",
    slice: (start: number, end: number) =>
      new Blob([head.slice(start, end), new Uint8Array(Math.max(0, end - Math.max(start, head.length)))]),
  } as unknown as File;
  const second = part(1, [{ name: "far", type: "F32", dims: [64], data: new Uint8Array(256).fill(9) }]);
  const sources = [openFile(first), openFile(new Blob([new Uint8Array(second)]))];
  const parts = await Promise.all(
    sources.map(async source => ({ name: "", source, file: await headerOf(source) })),
  );
  const { file } = joinParts(parts);
  const joined = new JoinedSource(sources);
  const { offset, bytes } = file.tensors[1]!;
  expect(offset).toBeGreaterThan(5 * GIB);
  expectBytes(await joined.read(offset, bytes), new Uint8Array(256).fill(9));
  expectBytes(await collect(joined, offset, offset + bytes), new Uint8Array(256).fill(9));
});
