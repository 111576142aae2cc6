// The package in the hands of a stranger: with Vite, with Vite's development server, and with no bundler at all.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, createServer } from "vite";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { openPage } from "../../scripts/lib/chromium.mjs";
import { root } from "../../scripts/lib/process.mjs";
import { serve } from "../../scripts/lib/server.mjs";

const consumer = inject("consumer");
const MODEL = "intab-tiny-q4_0.gguf";

/** The example that the README gives, about. */
const APP = `
import { IntabError, load, support } from "intab";
globalThis.answer = async () => {
  const { webgpu } = await support();
  const model = await load("/${MODEL}", { onProgress: () => {} });
  let streamed = "";
  for await (const { text } of model.generate("Once upon a time", { maxTokens: 4, temperature: 0 })) streamed += text;
  const facts = { webgpu, streamed, name: model.info.name };
  await model.dispose();
  const failure = await load("/missing.gguf").catch(error => error);
  return { ...facts, failure: failure instanceof IntabError && failure.code };
};
globalThis.ready = true;
`;

const HTML = (script: string): string =>
  `<!doctype html><title>consumer</title><link rel="icon" href="data:," />${script}`;

beforeAll(() => {
  mkdirSync(join(consumer, "public"), { recursive: true });
  cpSync(join(root, "public/models", MODEL), join(consumer, "public", MODEL));
  writeFileSync(join(consumer, "main.js"), APP);
  writeFileSync(join(consumer, "index.html"), HTML('<script type="module" src="/main.js"></script>'));
});

async function answerOf(url: string): Promise<unknown> {
  const { page, close } = await openPage({ url });
  try {
    await page.waitForFunction(() => "ready" in globalThis);
    return await page.evaluate(() => (globalThis as unknown as { answer: () => Promise<unknown> }).answer());
  } finally {
    await close();
  }
}

const expected = {
  webgpu: true,
  streamed: expect.stringMatching(/\w/),
  name: "intab-tiny",
  failure: "http-status",
};

describe("an app that installed the package", () => {
  test("is built by Vite, with the worker as a file of its own, and answers", async () => {
    await build({ root: consumer, configFile: false, logLevel: "error" });
    const assets = readdirSync(join(consumer, "dist/assets"));
    expect(assets.filter(name => name.startsWith("intab-worker-"))).toHaveLength(1);
    const server = await serve({ root: join(consumer, "dist") });
    try {
      expect(await answerOf(server.url)).toEqual(expected);
    } finally {
      await server.close();
    }
  });

  test("runs on Vite's development server with the package left out of its pre-bundling", async () => {
    const server = await createServer({
      root: consumer,
      configFile: false,
      logLevel: "error",
      appType: "mpa", // a missing file is a 404, not the start page
      optimizeDeps: { exclude: ["intab"] },
      server: { port: 0, host: "localhost", hmr: false },
    });
    try {
      await server.listen();
      const address = server.httpServer!.address() as { port: number };
      expect(await answerOf(`http://localhost:${address.port}/`)).toEqual(expected);
    } finally {
      await server.close();
    }
  });

  test("works without a bundler, from the files as they are published", async () => {
    const site = join(consumer, "plain");
    mkdirSync(site, { recursive: true });
    cpSync(join(consumer, "node_modules/intab/dist/lib"), join(site, "intab"), { recursive: true });
    cpSync(join(consumer, "public", MODEL), join(site, MODEL));
    cpSync(join(consumer, "main.js"), join(site, "main.js"));
    const map = '<script type="importmap">{ "imports": { "intab": "/intab/index.js" } }</script>';
    writeFileSync(join(site, "index.html"), HTML(`${map}<script type="module" src="/main.js"></script>`));
    const server = await serve({ root: site });
    try {
      expect(await answerOf(server.url)).toEqual(expected);
    } finally {
      await server.close();
    }
  });

  test("works from another origin, as from a CDN, where a worker may not come from", async () => {
    const site = join(consumer, "elsewhere");
    mkdirSync(site, { recursive: true });
    cpSync(join(consumer, "public", MODEL), join(site, MODEL));
    cpSync(join(consumer, "main.js"), join(site, "main.js"));
    const cdn = await serve({
      root: join(consumer, "node_modules/intab/dist/lib"),
      headers: { "access-control-allow-origin": "*" },
    });
    const map = `<script type="importmap">{ "imports": { "intab": "${new URL("index.js", cdn.url)}" } }</script>`;
    writeFileSync(join(site, "index.html"), HTML(`${map}<script type="module" src="/main.js"></script>`));
    const server = await serve({ root: site });
    try {
      expect(await answerOf(server.url)).toEqual(expected);
    } finally {
      await server.close();
      await cdn.close();
    }
  });

  test("type-checks under strict rules, library files included", () => {
    writeFileSync(
      join(consumer, "typed.ts"),
      `import { type GenerateResult, InputError, load, models, support } from "intab";
       const model = await load(new URL("https://example.com/m.gguf"), { signal: AbortSignal.timeout(1), onProgress: p => p.bytesPerSecond });
       for await (const { text, ids } of model.generate("x", { maxTokens: 1 })) text.at(ids[0] ?? 0);
       const result: GenerateResult = await model.chat([{ role: "user", content: "hi" }], { temperature: 0 });
       const scores: Float32Array = await model.score(await model.tokenize(result.text));
       const role: string = "user"; // any text will do, the usual ones are offered
       const stream: ReadableStream<string> = model.chat([{ role, content: "hi" }]).textStream;
       await using short = await load("m.gguf");
       await model.generate("x").catch(() => null).finally(() => {});
       export { scores, models, support, InputError, stream, short };`,
    );
    for (const resolution of [{ module: "esnext", moduleResolution: "bundler" }, { module: "nodenext" }]) {
      const compilerOptions = {
        ...resolution,
        target: "es2022",
        lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      };
      writeFileSync(
        join(consumer, "tsconfig.json"),
        JSON.stringify({ compilerOptions, files: ["typed.ts"] }),
      );
      const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc")], {
        cwd: consumer,
        encoding: "utf8",
      });
      expect(tsc.stdout).toBe("");
      expect(tsc.status).toBe(0);
    }
  });
});
