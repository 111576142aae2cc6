import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { describe, expect, inject, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";

const installed = join(inject("consumer"), "node_modules/intab");
const files = readdirSync(installed, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile())
  .map(entry => join(entry.parentPath, entry.name).slice(installed.length + 1))
  .sort();
const read = (file: string): string => readFileSync(join(installed, file), "utf8");

/** Page and worker together. Raised only in the commit that makes it necessary, with the reason in its message. */
const RUNTIME_LIMIT = 140 * 1000;

describe("the packed package", () => {
  test("has a page and a worker of at most 140 KB gzipped together", () => {
    const runtime = files.filter(file => file.endsWith(".js"));
    expect(runtime).toEqual(["dist/lib/index.js", "dist/lib/worker.js"]);
    const sizes = runtime.map(file => gzipSync(read(file), { level: 9 }).length);
    console.log(`gzipped: ${runtime.map((file, i) => `${file} ${sizes[i]} bytes`).join(", ")}`);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(RUNTIME_LIMIT);
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

  test("starts its worker by the literal that bundlers look for", () => {
    expect(read("dist/lib/index.js")).toMatch(
      /new Worker\(new URL\("\.\/worker\.js", import\.meta\.url\), ?\{[^}]*type: ?"module"[^}]*\}\)/,
    );
  });

  test("carries its shaders without comments", () => {
    const worker = read("dist/lib/worker.js");
    expect(worker).toContain("@compute");
    expect(worker).not.toMatch(/\\n\s*\/\//);
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
