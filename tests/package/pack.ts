// Packs the package once for all tests here, and installs it into an empty folder as npm does.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { ensureBuilt } from "../../scripts/lib/build.mjs";
import { root } from "../../scripts/lib/process.mjs";

declare module "vitest" {
  export interface ProvidedContext {
    tarball: string;
    /** A folder with nothing but a package.json and the installed package. */
    consumer: string;
  }
}

export default async function pack(project: TestProject): Promise<() => void> {
  await ensureBuilt("lib");
  const folder = mkdtempSync(join(tmpdir(), "intab-package-"));
  const npm = (cwd: string, ...arguments_: string[]): void => {
    execFileSync("npm", [...arguments_, "--loglevel=error"], { cwd, stdio: ["ignore", "ignore", "inherit"] });
  };
  npm(root, "pack", "--ignore-scripts", "--pack-destination", folder);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const tarball = join(folder, `intab-${version}.tgz`);
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "consumer", private: true, type: "module" }),
  );
  // offline: what the package needs is in the package
  npm(folder, "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", tarball);
  project.provide("tarball", tarball);
  project.provide("consumer", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
