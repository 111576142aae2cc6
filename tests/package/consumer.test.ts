// The package in the hands of a stranger who has no bundler, in Node, and under TypeScript; bundlers are in bundlers.test.ts.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { openPage } from "../../scripts/lib/chromium.mjs";
import { root } from "../../scripts/lib/process.mjs";
import { serve } from "../../scripts/lib/server.mjs";
import { readmeBlocks } from "./readme.ts";

const consumer = inject("consumer");
const MODEL = "intab-tiny-q4_0.gguf";

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
`;

describe("a stranger who installed the package", () => {
  test("uses it without a bundler, from the files as they are published", async () => {
    const site = join(consumer, "plain");
    mkdirSync(site, { recursive: true });
    cpSync(join(consumer, "node_modules/intab/dist/lib"), join(site, "intab"), { recursive: true });
    cpSync(join(root, "public/models", MODEL), join(site, MODEL));
    writeFileSync(
      join(site, "index.html"),
      `<!doctype html><title>consumer</title><link rel="icon" href="data:," />
       <script type="importmap">{ "imports": { "intab": "/intab/index.js" } }</script>
       <script type="module">${APP}</script>`,
    );
    const server = await serve({ root: site });
    const { page, close } = await openPage({ url: server.url });
    try {
      await page.waitForFunction(() => "answer" in globalThis);
      const answer = await page.evaluate(() =>
        (globalThis as unknown as { answer: () => Promise<unknown> }).answer(),
      );
      expect(answer).toEqual({
        webgpu: true,
        streamed: expect.stringMatching(/\w/),
        name: "intab-tiny",
        failure: "http-status",
      });
    } finally {
      await close();
      await server.close();
    }
  });

  test("is told by name that Node has no GPU for it", () => {
    const script = `import { load, openTemplate, support } from "intab";
      const failures = [await load("/m.gguf").catch(error => error)];
      try { openTemplate("") } catch (error) { failures.push(error) }
      console.log(JSON.stringify(failures.map(({ name, code, message }) => ({ name, code, message }))), (await support()).webgpu);`;
    const node = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: consumer,
      encoding: "utf8",
    });
    expect(node.stderr).toBe("");
    const [failures, webgpu] = node.stdout.trim().split(/ (?=\w+$)/);
    const told = { name: "GpuUnavailableError", code: "no-worker", message: expect.stringContaining("Node") };
    expect(JSON.parse(failures!)).toEqual([told, told]);
    expect(webgpu).toBe("false");
  });

  test("type-checks under strict rules, library files included", () => {
    writeFileSync(
      join(consumer, "typed.ts"),
      `import { type GenerateResult, InputError, load, models, support } from "intab";
       import { createFetch, type ServedModel } from "intab/openai";
       const model = await load(new URL("https://example.com/m.gguf"), { signal: AbortSignal.timeout(1), onProgress: p => p.bytesPerSecond });
       for await (const { text, ids } of model.generate("x", { maxTokens: 1 })) text.at(ids[0] ?? 0);
       const result: GenerateResult = await model.chat([{ role: "user", content: "hi" }], { temperature: 0 });
       const scores: Float32Array = await model.score(await model.tokenize(result.text));
       const role: string = "user"; // any text will do, the usual ones are offered
       const stream: ReadableStream<string> = model.chat([{ role, content: "hi" }]).textStream;
       await using short = await load("m.gguf");
       await model.generate("x").catch(() => null).finally(() => {});
       const served: ServedModel = model;
       const answer: Response = await createFetch({ a: model, b: served })("http://tab/v1/models", { signal: AbortSignal.timeout(1) });
       const same: typeof fetch = createFetch(model);
       export { scores, models, support, InputError, stream, short, answer, same };`,
    );
    const recipes = readmeBlocks("ts").map((block, index) => {
      const prelude = /const model\b/.test(block) ? "" : "declare const model: import('intab').Model;\n";
      const file = `readme-${index}.ts`;
      writeFileSync(join(consumer, file), `${prelude}${block}export {};\n`);
      return file;
    });
    expect(recipes.length).toBeGreaterThan(3);
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
        JSON.stringify({ compilerOptions, files: ["typed.ts", ...recipes] }),
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
