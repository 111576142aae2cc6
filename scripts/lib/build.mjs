// Builds dist/demo (the app) and dist/lib (the package), each only when its sources have changed. A host that has the
// built dist/ and no build tools can use it as it is.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ScriptError, say } from "./log.mjs";
import { root, run } from "./process.mjs";

/** What each part is built from. */
const SOURCES = {
  demo: [
    "src",
    "shaders",
    "demo",
    "public",
    "bench/lib",
    "package.json",
    "vite.config.ts",
    "scripts/lib/wgsl.mjs",
    "scripts/lib/commit.mjs",
    "scripts/lib/licenses.mjs",
  ],
  lib: [
    "src",
    "shaders",
    "package.json",
    "vite.config.ts",
    "tsconfig.json",
    "tsconfig.build.json",
    "scripts/lib",
  ],
};

/** @typedef {keyof typeof SOURCES} Part */

const stampFile = (/** @type {Part} */ part) => join(root, "dist", `.${part}-sources`);

/**
 * A hash of everything that a part is built from: contents, not dates, so that it survives a copy to another machine.
 * @param {Part} part
 */
function sourceHash(part) {
  const hash = createHash("sha256");
  /** @param {string} path */
  const add = path => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else
      hash
        .update(`${relative(root, path)}\0`)
        .update(readFileSync(path))
        .update("\0");
  };
  for (const source of SOURCES[part]) add(join(root, source));
  return hash.digest("hex");
}

/** @param {Part} part */
export function isFresh(part) {
  if (!existsSync(join(root, "dist", part)) || !existsSync(stampFile(part))) return false;
  return readFileSync(stampFile(part), "utf8") === sourceHash(part);
}

/**
 * Builds a part if it is missing or older than its sources, and puts it in place in one step.
 * @param {Part} part
 * @returns {Promise<string>} its folder
 */
export async function ensureBuilt(part) {
  const target = join(root, "dist", part);
  if (isFresh(part)) return target;
  if (!existsSync(join(root, "node_modules/vite"))) {
    throw new ScriptError(
      "SetupError",
      "not-built",
      `dist/${part} is missing or older than its sources, and the build tools are not installed. Run: npm ci`,
    );
  }
  say(`Building dist/${part}`);
  const hash = sourceHash(part);
  const work = join(root, "dist", `.${part}-${process.pid}`);
  try {
    if (part === "demo") await vite("demo", work);
    else await buildLibrary(work);
    rmSync(target, { recursive: true, force: true });
    renameSync(work, target);
    writeFileSync(stampFile(part), hash);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

/** @param {string} work folder */
async function buildLibrary(work) {
  await vite("worker", work);
  await vite("library", work);
  await vite("embedded", work);
  await vite("openai", work);
  const status = await run(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "-p",
    "tsconfig.build.json",
    "--outDir",
    join(work, "types"),
  ]);
  if (status !== 0)
    throw new ScriptError(
      "BuildError",
      "types",
      "tsc could not write the declarations (its messages are above).",
    );
  const { placeDeclarations } = await import("./declarations.mjs");
  placeDeclarations(join(work, "types"), work);
}

/**
 * @param {"demo" | "library" | "worker" | "embedded" | "openai"} mode a mode of vite.config.ts
 * @param {string} outDir
 */
async function vite(mode, outDir) {
  const arguments_ = [
    "build",
    "--mode",
    mode,
    "--outDir",
    outDir,
    "--emptyOutDir",
    // the first two clear the folder, the others add to it
    mode === "demo" || mode === "worker" ? "true" : "false",
    "--logLevel",
    "warn",
  ];
  const vite = join(root, "node_modules/vite/bin/vite.js");
  // a caller's, a test runner's above all, would make it a development build
  const status = await run(process.execPath, [vite, ...arguments_], { env: { NODE_ENV: "production" } });
  if (status !== 0)
    throw new ScriptError("BuildError", mode, `vite build --mode ${mode} failed (its messages are above).`);
}
