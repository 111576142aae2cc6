// The apps of examples/ with the packed package: built by the bundlers that people use, run in Chromium on the built-in model.
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Vite from "vite";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { openPage } from "../../scripts/lib/chromium.mjs";
import { root } from "../../scripts/lib/process.mjs";
import { byteRange, serve } from "../../scripts/lib/server.mjs";
import { build, copyOf, installBundlers, installed } from "./bundlers/set-up.ts";
import { readmeBlocks } from "./readme.ts";

const intab = join(inject("consumer"), "node_modules/intab");
const MODEL = "?model=/intab-tiny-q4_0.gguf";
const STRICT = { "content-security-policy": "default-src 'self'; img-src data:" };
/** With the folder of each. */
const VITES = [
  ["Vite 5", installed("vite5")],
  ["Vite 6", installed("vite6")],
  ["Vite 7", installed("vite7")],
  ["Vite 8", join(root, "node_modules/vite")],
] as const;

/** What a page asked for of the package's worker: status and file. */
type Scripts = string[];
const FROM_ITS_FILE = [expect.stringMatching(/^200 intab-worker\b.*\.js$/)];
const FROM_ITS_TEXT = ["404 intab-worker.js", expect.stringMatching(/^200 embedded\b.*\.js$/)];

let browser: Awaited<ReturnType<typeof openPage>>;

beforeAll(async () => {
  await installBundlers();
  const blank = await serve({ root: join(root, "public") });
  browser = await openPage({ url: `${blank.url}/favicon.svg` });
  await blank.close();
}, 300_000);
afterAll(() => browser?.close());

async function listening(work: () => Promise<void>): Promise<Scripts> {
  const scripts: Scripts = [];
  const note = (response: { url(): string; status(): number }): void => {
    const file = new URL(response.url()).pathname.split("/").at(-1)!;
    if (/worker|embedded/.test(file)) scripts.push(`${response.status()} ${file}`);
  };
  browser.page.on("response", note);
  await work().finally(() => browser.page.off("response", note));
  return scripts;
}

/** What the page says once it has loaded the model, or could not. */
async function statusOf(url: string, done: RegExp): Promise<string> {
  const { page } = browser;
  await page.goto(url + MODEL);
  const status = page.locator("#status");
  await expect
    .poll(() => status.textContent(), { timeout: 60_000 })
    .toMatch(new RegExp(`${done.source}|Error`));
  return (await status.textContent())!;
}

/** Asks the chat of a page a question, reads the beginning of its answer, and stops it. */
const chat = (url: string): Promise<Scripts> =>
  listening(async () => {
    const { page } = browser;
    expect(await statusOf(url, /^intab-tiny$/)).toBe("intab-tiny");
    await page.fill("input", "Why is the sky blue?");
    await page.click("text=Send");
    await expect
      .poll(() => page.locator("#log p").last().textContent(), { timeout: 60_000 })
      .toMatch(/^\s*(?!Why)\w+ /);
    await page.click("text=Stop");
    await expect
      .poll(() => page.textContent("#status"), { timeout: 60_000 })
      .toMatch(/^ended: (abort|stop|length)$/);
  });

/** Before its server closes: Vite's client reloads its page when another server answers at the address, in mid-test. */
const leave = (): Promise<unknown> => browser.page.goto("about:blank");

async function inFolder<T>(
  folder: string,
  visit: (url: string) => Promise<T>,
  headers: Record<string, string> = {},
): Promise<T> {
  const server = await serve({ root: folder, headers });
  try {
    return await visit(`${server.url}/`);
  } finally {
    await leave();
    await server.close();
  }
}

const scriptsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(name => name.endsWith(".js"));

describe.each(VITES)("%s", (name, vite) => {
  const folder = name.replace(" ", "").toLowerCase();

  test("builds the chat, with one worker", async () => {
    const app = copyOf("vite", { name: `${folder}-build`, intab, served: "public" });
    await build(app, join(vite, "bin/vite.js"), "build", "--logLevel", "warn");
    const dist = join(app, "dist");
    expect(scriptsIn(dist).filter(script => /worker|embedded/.test(script))).toHaveLength(1);
    expect(await inFolder(dist, chat, STRICT)).toEqual(FROM_ITS_FILE);
  });

  test("serves the chat while it is developed", async () => {
    const app = copyOf("vite", { name: `${folder}-dev`, intab, served: "public" });
    // up to Vite 7 the file is not where its own bundler puts the page's part
    const old = name !== "Vite 8";
    expect(await developed(vite, app, chat)).toEqual(
      old ? [expect.stringMatching(/^200 embedded-.*\.js$/)] : FROM_ITS_FILE,
    );
  });
});

async function developed<T>(
  vite: string,
  app: string,
  visit: (url: string) => Promise<T>,
  config: Vite.InlineConfig = {},
): Promise<T> {
  const { createServer } = (await import(
    pathToFileURL(join(vite, "dist/node/index.js")).href
  )) as typeof Vite;
  const server = await createServer({
    root: app,
    logLevel: "error",
    server: { port: 0, host: "localhost", hmr: false },
    ...config,
  });
  try {
    await server.listen();
    const { port } = server.httpServer!.address() as { port: number };
    return await visit(`http://localhost:${port}/`);
  } finally {
    await leave(); // up to Vite 7, port 0 is 5173, every time
    await server.close();
  }
}

test("Vite 7, where the worker cannot be started from its text, is told the setting that starts it from its file", async () => {
  const vite = installed("vite7");
  const app = copyOf("vite", { name: "vite7-file", intab, served: "public" });
  await browser.page.route("**/embedded-*.js*", route => route.abort());
  const told = await developed(vite, app, url => statusOf(url, /^intab-tiny$/)).finally(() =>
    browser.page.unrouteAll(),
  );
  const setting = { optimizeDeps: { exclude: ["intab"] } };
  expect(told).toMatch(/^DisposedError: .*\/\.vite\/deps\/intab-worker\.js/);
  expect(told).toContain('optimizeDeps: { exclude: ["intab"] }');
  expect(await developed(vite, app, chat, setting)).toEqual(FROM_ITS_FILE);
});

async function webpackBuild(app: string): Promise<string> {
  writeFileSync(
    join(app, "build.mjs"),
    `import webpack from "webpack";
     const output = { path: import.meta.dirname + "/dist", filename: "chat.js" };
     webpack({ mode: "production", entry: "./chat.js", output, performance: false }, (error, stats) => {
       if (error || stats.hasErrors() || stats.hasWarnings()) throw error ?? new Error(stats.toString());
     });`,
  );
  await build(app, "build.mjs");
  cpSync(join(app, "index.html"), join(app, "dist/index.html"));
  return join(app, "dist");
}

test("webpack 5 builds the chat, with one worker", async () => {
  const dist = await webpackBuild(copyOf("vite", { name: "webpack", intab, served: "dist" }));
  expect(scriptsIn(dist)).toHaveLength(2);
  await inFolder(dist, chat, STRICT);
});

describe("a worker that the app starts itself, by the package's name", () => {
  const withOwnWorker = (name: string, served: string): string => {
    const app = copyOf("vite", { name, intab, served });
    const chat = readFileSync(join(app, "chat.js"), "utf8");
    const worker = 'worker: new Worker(new URL("intab/worker", import.meta.url), { type: "module" }),';
    writeFileSync(join(app, "chat.js"), chat.replace("load(MODEL, {", `load(MODEL, { ${worker}`));
    expect(chat).toContain("load(MODEL, {");
    return app;
  };

  test("is followed by Vite 8", async () => {
    const app = withOwnWorker("vite8-worker", "public");
    await build(app, join(VITES[3][1], "bin/vite.js"), "build", "--logLevel", "warn");
    expect(await inFolder(join(app, "dist"), chat, STRICT)).toEqual(FROM_ITS_FILE);
  });

  test("is followed by webpack 5", async () => {
    await inFolder(await webpackBuild(withOwnWorker("webpack-worker", "dist")), chat, STRICT);
  });
});

test("Next.js exports the chat, rendered without a browser first", async () => {
  const app = copyOf("nextjs", { name: "nextjs", intab, served: "public" });
  await build(app, installed("next/dist/bin/next"), "build");
  await inFolder(join(app, "out"), chat);
});

test("Rollup builds the chat; the worker is a chunk that is fetched where its file is not", async () => {
  const app = copyOf("vite", { name: "rollup", intab, served: "dist" });
  await build(
    app,
    installed("rollup/dist/bin/rollup"),
    "chat.js",
    "-d",
    "dist",
    "-p",
    "node-resolve",
    "--silent",
  );
  cpSync(join(app, "index.html"), join(app, "dist/index.html"));
  expect(await inFolder(join(app, "dist"), chat)).toEqual(FROM_ITS_TEXT);
});

describe("esbuild", () => {
  const bundle = async (name: string, ...options: string[]): Promise<string> => {
    const app = copyOf("vite", { name, intab, served: "dist" });
    const program = installed("esbuild/bin/esbuild");
    await build(app, program, "chat.js", "--bundle", "--outdir=dist", "--log-level=error", ...options);
    cpSync(join(app, "index.html"), join(app, "dist/index.html"));
    return join(app, "dist");
  };

  test("bundles the chat into a script that is no module", async () => {
    expect(await inFolder(await bundle("esbuild-script", "--minify"), chat)).toEqual([]);
  });

  test("bundles the worker's file as well, where a policy allows no other, and is told so", async () => {
    const modules = ["--format=esm", "--splitting", "--minify"];
    const without = await bundle("esbuild-modules", ...modules);
    const told = await inFolder(without, url => statusOf(url, /^intab-tiny$/), STRICT);
    expect(told).toMatch(
      /^DisposedError: .*http:\/\/localhost:\d+\/intab-worker\.js.*copy intab\/dist\/lib\/intab-worker\.js there/,
    );
    const dist = await bundle("esbuild-worker", ...modules, "intab-worker=intab/worker");
    expect(await inFolder(dist, chat, STRICT)).toEqual(FROM_ITS_FILE);
  });

  test("builds the search, as its example says", async () => {
    const app = copyOf("esbuild", { name: "esbuild-search", intab, served: "public" });
    const [, ...options] = (
      JSON.parse(readFileSync(join(app, "package.json"), "utf8")) as { scripts: { build: string } }
    ).scripts.build.split(" ");
    await build(app, installed("esbuild/bin/esbuild"), ...options);
    await inFolder(join(app, "public"), async url => {
      expect(await statusOf(url, /^5 texts/)).toMatch(/^5 texts of \d+ dimensions$/);
      await browser.page.fill("input", "Whales breathe air and have to come to the surface.");
      await browser.page.click("text=Search");
      const first = browser.page.locator("#found li").first();
      await expect.poll(() => first.textContent()).toMatch(/^1\.00 Whales/);
    });
  });
});

describe("a page without a build", () => {
  const { version } = JSON.parse(readFileSync(join(intab, "package.json"), "utf8")) as { version: string };
  const cors = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };

  beforeAll(async () => {
    const cdn = `https://cdn.jsdelivr.net/npm/intab@${version}/`;
    await browser.page.route(`${cdn}**`, route =>
      route.fulfill({
        path: join(intab, route.request().url().slice(cdn.length)),
        headers: { "content-type": "text/javascript", ...cors },
      }),
    );
    // a model under the address of the one that the README names
    const model = readFileSync(join(root, "public/models/intab-tiny-q4_0.gguf"));
    await browser.page.route("https://huggingface.co/QuantFactory/**/*.gguf", route => {
      if (route.request().method() === "OPTIONS")
        return route.fulfill({ status: 204, headers: { ...cors, "access-control-allow-headers": "range" } });
      const [first, last] = byteRange(route.request().headers().range, model.length) as [number, number];
      return route.fulfill({
        status: 206,
        headers: { ...cors, "content-range": `bytes ${first}-${last}/${model.length}` },
        body: model.subarray(first, last + 1),
      });
    });
  });
  afterAll(() => browser.page.unrouteAll());

  test("chats, with the package from a CDN", async () => {
    const app = copyOf("page", { name: "page", intab, served: "." });
    expect(await inFolder(app, chat)).toEqual(FROM_ITS_FILE);
  });

  test("answers, copied from the README", async () => {
    const app = copyOf("page", { name: "readme", intab, served: "." });
    writeFileSync(join(app, "index.html"), readmeBlocks("html")[0]!);
    await inFolder(app, async url => {
      const { page } = browser;
      await page.goto(url);
      await expect
        .poll(() => page.textContent("#answer"), { timeout: 60_000 })
        .toMatch(/^(?!Loading)\s*\w+ \w+/);
    });
  });
});
