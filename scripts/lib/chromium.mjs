// Which Chromium to drive and with which switches: one place for `ask`, the tests and the benchmark.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Names under which distributions install a Chromium that has WebGPU, in order of preference. */
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/**
 * Looks for a Chromium: `CHROMIUM_PATH`, then the PATH. Playwright's own is asked for by the caller, since only
 * playwright knows where it would be.
 * @returns {{ path: string, source: string } | undefined}
 */
export function findChromium() {
  const given = process.env.CHROMIUM_PATH;
  if (given) {
    if (!existsSync(given)) throw new Error(`CHROMIUM_PATH is ${given}, and there is no such file.`);
    return { path: given, source: "CHROMIUM_PATH" };
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      if (existsSync(path)) return { path, source: "PATH" };
    }
  }
  return undefined;
}

/** Keeps an automated browser off the network and quiet. */
const QUIET = [
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/**
 * Switches for an automated Chromium with WebGPU. `CHROMIUM_ARGS` (space-separated) replaces the choice of adapter.
 * @param {{ software?: boolean }} options software: ask for the SwiftShader adapter, as on a machine without a GPU.
 * @returns {string[]}
 */
export function chromiumArgs({ software = false } = {}) {
  const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const fromEnvironment = process.env.CHROMIUM_ARGS?.split(/\s+/).filter(Boolean);
  if (fromEnvironment?.length) return [...root, ...QUIET, ...fromEnvironment];
  const adapter = software ? ["--use-webgpu-adapter=swiftshader"] : [];
  return [...root, ...QUIET, "--enable-unsafe-webgpu", ...adapter];
}
