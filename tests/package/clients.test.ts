// intab/openai in the hands of the clients that people use, in Chromium, with the built-in model.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { openPage } from "../../scripts/lib/chromium.mjs";
import { root } from "../../scripts/lib/process.mjs";
import { serve } from "../../scripts/lib/server.mjs";
import type { Calls } from "./clients/page.ts";

const MODEL = "intab-tiny-q4_0.gguf";
const installed = join(inject("consumer"), "node_modules/intab/dist/lib");
const site = join(root, "dist/clients");
const MODEL_FILE = { [`/${MODEL}`]: () => join(root, "public/models", MODEL) };

let server: Awaited<ReturnType<typeof serve>>;
let browser: Awaited<ReturnType<typeof openPage>>;

/** A page with what it imports, the package as it was published. */
async function bundle(folder: string, outDir: string): Promise<void> {
  await build({
    root: folder,
    configFile: false,
    logLevel: "warn",
    resolve: {
      alias: { "intab/openai": join(installed, "openai.js"), intab: join(installed, "index.js") },
    },
    build: { outDir, emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 5000 },
  });
}

beforeAll(async () => {
  await bundle(join(root, "tests/package/clients"), join(site, "page"));
  const example = join(site, "example-source");
  mkdirSync(example, { recursive: true });
  const [, text] = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(root, "docs/openai.md"), "utf8"))!;
  writeFileSync(join(example, "example.ts"), text!.replace(/"hf:[^"]*"/, `"/${MODEL}"`));
  writeFileSync(
    join(example, "index.html"),
    '<!doctype html><title>example</title><body><script type="module" src="./example.ts"></script></body>',
  );
  await bundle(example, join(site, "example"));
  server = await serve({ root: join(site, "page"), files: MODEL_FILE });
  browser = await openPage({ url: `${server.url}/` });
  await browser.page.waitForFunction(() => "calls" in globalThis, undefined, { timeout: 120_000 });
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

function call<Name extends keyof Calls>(
  name: Name,
  ...given: Parameters<Calls[Name]>
): Promise<Awaited<ReturnType<Calls[Name]>>> {
  return browser.page.evaluate(
    ([name, given]) => {
      const calls = (globalThis as unknown as { calls: Record<string, (...given: unknown[]) => unknown> })
        .calls;
      return calls[name]!(...given);
    },
    [name, given] as const,
  ) as ReturnType<typeof call<Name>>;
}

describe.each(["v7", "v6"] as const)("the openai package, %s", version => {
  test("chats, in one piece and streamed, with the model's own words and tokens", async () => {
    const { own, whole, usage, streamed } = await call("chat", version);
    expect(whole).toBe(own);
    expect(whole).toMatch(/\w/);
    expect(streamed).toMatchObject({ text: own, reason: "length" });
    expect(streamed.chunks).toBeGreaterThan(1);
    expect(usage).toMatchObject({ completion_tokens: 8, prompt_tokens: expect.any(Number) });
    expect(usage!.total_tokens).toBe(usage!.prompt_tokens + 8);
    // the prompt was computed before: its whole pages of 16 tokens are there
    const cached = 16 * Math.floor((usage!.prompt_tokens - 1) / 16);
    expect(streamed.usage).toEqual({ ...usage, prompt_tokens_details: { cached_tokens: cached } });
  });

  test("leaves an answer in mid-stream, and the model is free", async () => {
    const { left, failed, free, seconds } = await call("abort", version);
    expect([left, failed, free]).toEqual([3, "Request was aborted.", true]);
    expect(seconds).toBeLessThan(30);
  });

  test("raises its own errors, with status, code and field", async () => {
    const failures = await call("failures", version);
    const bad = { status: 400, type: "invalid_request_error", message: expect.stringMatching(/^400 /) };
    expect(failures).toMatchObject({
      model: { status: 404, code: "model_not_found", param: "model" },
      value: { ...bad, param: "temperature" },
      field: { ...bad, code: "unsupported_parameter", param: "logprobs" },
      long: { ...bad, code: "context_length_exceeded", param: "messages" },
      longStream: { ...bad, code: "context_length_exceeded", param: "messages" },
      rerank: { ...bad, code: "not_a_reranker" },
      path: { status: 404, code: "unknown_url" },
    });
  });

  test("lists models, embeds, completes, and makes responses", async () => {
    const { listed, retrieved, apart, tokens, story, response, streamed, steps } = await call(
      "others",
      version,
    );
    expect([listed, retrieved]).toEqual([["intab-tiny"], "intab-tiny"]);
    for (const distance of apart) expect(distance).toBeLessThan(1e-5);
    expect(tokens.prompt_tokens).toBeGreaterThan(2);
    expect(story).toHaveLength(2);
    expect(story[0]).toBe(story[1]); // greedy
    expect(response).toMatchObject({ status: "incomplete", usage: { output_tokens: 8 } });
    expect(response.text).toMatch(/\w/);
    expect(streamed).toBe(response.text);
    expect(steps.at(-1)).toBe("response.incomplete");
  });
});

test("the AI SDK generates, streams, embeds, aborts, and tells what went wrong", async () => {
  const sdk = await call("sdk");
  expect(sdk.text).toMatch(/\w/);
  expect(sdk.streamed).toBe(sdk.text);
  expect(sdk.finishReason).toBe("length");
  expect(sdk.usage).toMatchObject({ outputTokens: 8 });
  expect(sdk.streamedUsage).toMatchObject({ inputTokens: sdk.usage.inputTokens, outputTokens: 8 });
  expect(sdk.dimensions).toBe(sdk.hiddenSize);
  expect(sdk.aborted).toBe("abort");
  expect(sdk.failed).toContain("no model");
});

test("the example of docs/openai.md answers", async () => {
  const { page } = browser;
  await page.goto("about:blank");
  const examples = await serve({ root: join(site, "example"), files: MODEL_FILE });
  try {
    await page.goto(`${examples.url}/`);
    await expect.poll(() => page.textContent("body"), { timeout: 60_000 }).toMatch(/\w+ \w+/);
  } finally {
    await page.goto("about:blank");
    await examples.close();
  }
});
