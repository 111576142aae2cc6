// What the documents name exists: files, links, headings that links point at, and npm scripts.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/process.mjs";

const FILES = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter(file => file && existsSync(join(root, file)));
const DOCUMENTS = FILES.filter(file => file.endsWith(".md") && !file.startsWith("tests/golden/"));
const FOLDERS = new Set(FILES.flatMap(file => parents(file)));
const SCRIPTS: Record<string, string> = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;
const ENDINGS = "ts|mts|mjs|js|wgsl|md|json|html|css|py|gguf";

const read = (file: string): string => readFileSync(join(root, file), "utf8");

describe.each(DOCUMENTS)("%s", document => {
  const text = read(document);

  test("names files and folders that exist", () => {
    const code = [...text.matchAll(/`([^`\n]+)`/g)].map(match => match[1]!);
    const missing = code.filter(name => looksLikePath(name) && !isThere(name, document));
    expect(missing).toEqual([]);
  });

  test("links to files and headings that exist", () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1]!);
    const broken = links.filter(link => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = "", heading] = link.split("#");
      const target = path ? normalize(join(dirname(document), path)).replace(/\/$/, "") : document;
      if (!FILES.includes(target) && !FOLDERS.has(target)) return true;
      return heading !== undefined && !headings(read(target)).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  test("names npm scripts that exist", () => {
    const names = [...text.matchAll(/\bnpm (?:run (?:--silent )?)([\w:]+)/g)].map(match => match[1]!);
    expect(names.filter(name => !(name in SCRIPTS))).toEqual([]);
  });
});

/** A source file's own name, or a path from one of the project's folders; with `*` or `<name>` in it a pattern. */
function looksLikePath(name: string): boolean {
  const [first = "", ...rest] = name.split("/");
  if (rest.length > 0) return /^[\w@.*<>{},/-]+$/.test(name) && FOLDERS.has(first);
  return /^\w[\w.*<>{},-]+\.(m?ts|mjs|wgsl|md)$/.test(name);
}

/** Names without a folder may be of a file in any. */
function isThere(name: string, document: string): boolean {
  const path = name.replace(/\/$/, "");
  const pattern = new RegExp(
    `(^|/)${path
      .replace(/\{([^}]*)\}/g, (_, choices: string) => `\u0001${choices.replaceAll(",", "\u0002")}\u0003`)
      .replace(/[.+]/g, "\\$&")
      .replace(/\*\*?|<[^>]+>/g, "[^/]+")
      .replaceAll("\u0001", "(")
      .replaceAll("\u0002", "|")
      .replaceAll("\u0003", ")")}(\\.(${ENDINGS}))?$`,
  );
  const beside = normalize(join(dirname(document), path));
  return [...FILES, ...FOLDERS].some(file => pattern.test(file) || file === beside);
}

/** As GitHub makes anchors of headings. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(match =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function parents(file: string): string[] {
  const parts = file.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
