// What reading a header leaves behind: a vocabulary takes megabytes, beside which the weights' pieces have to fit.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openOrigin } from "../../src/load/open-origin.ts";
import { writeGguf } from "./support/gguf-writer.ts";
import { fakeBrowser } from "./support/storage-browser.ts";

const TOKENS = Array.from({ length: 300_000 }, (_, index) => `token ${index}`);
const FILE = writeGguf({
  metadata: { "general.architecture": "llama", "tokenizer.ggml.tokens": TOKENS },
  tensors: [{ name: "weight", type: "F32", dims: [4], data: new Uint8Array(16) }],
});

beforeEach(() => void fakeBrowser()); // Node 20 cannot transfer buffers
afterEach(() => vi.unstubAllGlobals());

test("every buffer that a header was read into is given back", async () => {
  const given: ArrayBuffer[] = [];
  const file = {
    size: FILE.length,
    name: "large-header.gguf",
    slice: (start: number, end: number) => ({
      arrayBuffer: async () => {
        const bytes = FILE.slice(start, end);
        given.push(bytes.buffer as ArrayBuffer);
        return bytes.buffer;
      },
    }),
  } as unknown as File;
  const hooks = { signal: new AbortController().signal, onProgress: () => {} };
  const opened = await openOrigin(file, {}, hooks);
  opened.source.close();
  expect(opened.file.metadata["tokenizer.ggml.tokens"]).toEqual(TOKENS);
  expect(given.length).toBeGreaterThan(2);
  expect(given.map(buffer => buffer.byteLength)).toEqual(given.map(() => 0));
});
