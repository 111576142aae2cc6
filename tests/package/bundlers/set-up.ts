// Bundlers of package.json in dist/bundlers, installed once; an app in a folder there finds them.
import { cpSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "../../../scripts/lib/process.mjs";

const home = join(root, "dist/bundlers");
const MODEL = "intab-tiny-q4_0.gguf";

/** A file of an installed package. */
export const installed = (file: string): string => join(home, "node_modules", file);

export async function installBundlers(): Promise<void> {
  const manifests = ["package.json", "package-lock.json"];
  const wanted = manifests.map(name => readFileSync(join(import.meta.dirname, name), "utf8")).join();
  const stamp = join(home, "installed");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    mkdirSync(home, { recursive: true });
    for (const name of manifests) cpSync(join(import.meta.dirname, name), join(home, name));
    // the repository's would lead bundlers to the sources
    writeFileSync(join(home, "tsconfig.json"), "{}");
    const options = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    if ((await run("npm", ["ci", ...options], { cwd: home })) !== 0)
      throw new Error("npm ci failed in dist/bundlers (its messages are above)");
    writeFileSync(stamp, wanted);
  }
  rmSync(join(home, "apps"), { recursive: true, force: true });
}

export interface Copy {
  /** Also of its folder: what a bundler keeps of one app is not for the next. */
  name: string;
  /** Folder of the unpacked package. */
  intab: string;
  /** Its folder of files that are served as they are, where the model goes. */
  served: string;
}

/** An example with the package installed in it. */
export function copyOf(example: string, { name, intab, served }: Copy): string {
  const app = join(home, "apps", name);
  cpSync(join(root, "examples", example), app, { recursive: true });
  cpSync(intab, join(app, "node_modules/intab"), { recursive: true });
  mkdirSync(join(app, served), { recursive: true });
  linkSync(join(root, "public/models", MODEL), join(app, served, MODEL));
  return app;
}

/** A program of an app: what a developer calls, in production mode unless it chooses another. */
export async function build(app: string, program: string, ...arguments_: string[]): Promise<void> {
  const env = { NODE_ENV: undefined, NEXT_TELEMETRY_DISABLED: "1" };
  const status = await run(process.execPath, [program, ...arguments_], { cwd: app, env, timeoutMs: 120_000 });
  if (status !== 0) throw new Error(`${program} ended with status ${status} (its messages are above)`);
}
