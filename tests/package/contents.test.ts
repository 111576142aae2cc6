import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { describe, expect, inject, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";
import { README } from "./readme.ts";

const installed = join(inject("consumer"), "node_modules/intab");
const files = readdirSync(installed, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile())
  .map(entry => join(entry.parentPath, entry.name).slice(installed.length + 1))
  .sort();
const read = (file: string): string => readFileSync(join(installed, file), "utf8");

/** Page and worker together. Raised only in the commit that makes it necessary, with the reason in its message. */
const RUNTIME_LIMIT = 159 * 1000;
/** What `intab/openai` adds where it is imported. */
const OPENAI_LIMIT = 12_400;

describe("the packed package", () => {
  test("has a page and a worker of at most 159 KB gzipped together", () => {
    const scripts = files.filter(file => file.endsWith(".js"));
    const size = (name: string): number => gzipSync(read(`dist/lib/${name}.js`), { level: 9 }).length;
    const names = ["embedded", "index", "intab-worker", "openai"] as const;
    expect(scripts).toEqual(names.map(name => `dist/lib/${name}.js`));
    const [embedded, page, worker, openai] = names.map(size) as [number, number, number, number];
    console.log(
      `gzipped: page ${page} bytes, worker ${worker} bytes, embedded ${embedded} bytes, openai ${openai} bytes`,
    );
    expect(page + worker).toBeLessThanOrEqual(RUNTIME_LIMIT);
    // fetched in place of the worker's file, never with it
    expect(embedded).toBeLessThan(worker + 1000);
    expect(openai).toBeLessThanOrEqual(OPENAI_LIMIT);
  });

  test("holds no model, no source and no test", () => {
    const unexpected = files.filter(
      file =>
        !/^(package\.json|README\.md|LICENSE|dist\/lib\/.*\.(js|d\.ts|js\.map|licenses\.txt))$/.test(file),
    );
    expect(unexpected).toEqual([]);
  });

  test("needs nothing else: neither its code nor its types import another package", () => {
    const imports = files
      .filter(file => /\.(js|d\.ts)$/.test(file))
      .flatMap(file =>
        ts
          .preProcessFile(read(file), true, true)
          .importedFiles.filter(({ fileName }) => !fileName.startsWith("."))
          .map(({ fileName }) => `${file}: ${fileName}`),
      );
    expect(imports).toEqual([]);
  });

  test("carries the licences of what is bundled into it", () => {
    const texts = files
      .filter(file => file.endsWith(".licenses.txt"))
      .map(read)
      .join("\n");
    for (const name of ["comlink", "idb-keyval"]) expect(texts).toContain(`${name} `);
    expect(texts).not.toContain("carries no licence text");
  });

  test("leaves the embedded worker out of the page: webpack and Vite drop it, others split it off", () => {
    const page = read("dist/lib/index.js");
    expect(page).toContain(
      'import.meta.env?.PROD?void 0:()=>import(/* webpackIgnore: true */ "./embedded.js")',
    );
    expect(page).not.toContain("@compute");
    expect(read("dist/lib/embedded.js")).toContain("@compute");
  });

  test("starts its worker by the literal that bundlers look for", () => {
    expect(read("dist/lib/index.js")).toMatch(
      /new Worker\(new URL\("\.\/intab-worker\.js", import\.meta\.url\), ?\{[^}]*type: ?"module"[^}]*\}\)/,
    );
  });

  test("carries its shaders without comments", () => {
    const worker = read("dist/lib/intab-worker.js");
    expect(worker).toContain("@compute");
    expect(worker).not.toMatch(/\\n\s*\/\//);
  });

  test("has a README whose links lead somewhere from the registry's page too", () => {
    const links = [...README.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link!);
    expect(links.filter(link => !/^(https:|#)/.test(link))).toEqual([]);
    const own = links.flatMap(
      link => link.match(/^https:\/\/github\.com\/intab\/intab\/(?:blob|raw|tree)\/HEAD\/([^#]+)/)?.[1] ?? [],
    );
    expect(own.length).toBeGreaterThan(5);
    expect(own.filter(path => !existsSync(join(root, path)))).toEqual([]);
  });

  test("has an OpenAI face that stands alone: neither is in the other's file", () => {
    for (const words of ["chat/completions", "model_not_found"]) {
      expect(read("dist/lib/openai.js")).toContain(words);
      expect(read("dist/lib/index.js")).not.toContain(words);
    }
    expect(read("dist/lib/openai.js")).not.toMatch(/\bimport\b|new Worker|indexedDB/);
  });

  test("satisfies publint", async () => {
    const tarball = readFileSync(inject("tarball"));
    const { messages, pkg } = await publint({
      pack: {
        tarball: tarball.buffer.slice(
          tarball.byteOffset,
          tarball.byteOffset + tarball.byteLength,
        ) as ArrayBuffer,
      },
      strict: true,
    });
    expect(messages.map(message => formatMessage(message, pkg!, { color: false }))).toEqual([]);
  });

  test("has types that every module resolution of ES modules finds", () => {
    const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    const check = (): string =>
      execFileSync(process.execPath, [attw, inject("tarball"), "--profile", "esm-only", "--no-emoji"], {
        encoding: "utf8",
      });
    expect(check).not.toThrow(); // its exit status says whether it found problems
  });
});
