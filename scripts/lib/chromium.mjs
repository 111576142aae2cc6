// Which Chromium to drive and with which switches: one place for `ask`, the tests and the benchmark.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { aptInstall } from "./apt.mjs";
import { messageOf, ScriptError, say } from "./log.mjs";

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

/**
 * Playwright's Chromium driver, from `playwright` or from `playwright-core`, whichever is installed.
 * @returns {Promise<import("playwright").BrowserType>}
 */
export async function loadDriver() {
  for (const name of ["playwright", "playwright-core"]) {
    try {
      const module = await import(name);
      return module.chromium ?? module.default.chromium;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ERR_MODULE_NOT_FOUND") throw error;
    }
  }
  throw new ScriptError(
    "SetupError",
    "no-playwright",
    "The package playwright is not installed. Run: npm ci",
  );
}

/**
 * `CHROMIUM_PATH`, the PATH, Playwright's own; else Debian's package is installed.
 * @returns {Promise<{ path: string, source: string }>}
 */
export async function ensureChromium() {
  let found;
  try {
    found = findChromium();
  } catch (error) {
    throw new ScriptError("SetupError", "chromium-path", messageOf(error));
  }
  if (found) return found;
  const own = (await loadDriver()).executablePath();
  if (own && existsSync(own)) return { path: own, source: "Playwright" };
  try {
    aptInstall(["chromium"], { why: "No Chromium found" });
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    throw new ScriptError(
      "SetupError",
      "no-chromium",
      `No Chromium found (CHROMIUM_PATH, PATH, Playwright's own), and it could not be installed: ${error.message} Or run: npx playwright install chromium`,
    );
  }
  const installed = findChromium();
  if (!installed)
    throw new ScriptError(
      "SetupError",
      "no-chromium",
      "apt-get installed chromium, yet it is not on the PATH.",
    );
  return installed;
}

/** Keeps an automated browser off the network and quiet. */
const QUIET = [
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/** What Chromium needs to reach a GPU on Linux without a display: Vulkan, and no Vulkan surface. */
const HEADLESS_GPU = [
  "--ignore-gpu-blocklist",
  "--enable-features=Vulkan",
  "--use-angle=vulkan",
  "--disable-vulkan-surface",
  "--enable-dawn-features=vulkan_enable_f16_on_nvidia",
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
  const gpu = process.platform === "linux" ? HEADLESS_GPU : [];
  const adapter = software ? ["--use-webgpu-adapter=swiftshader"] : gpu;
  return [...root, ...QUIET, "--enable-unsafe-webgpu", ...adapter];
}

/** Whether it is worth asking for a hardware adapter: on Linux a GPU has a device node; elsewhere nearly always. */
function mayHaveGpu() {
  if (process.platform !== "linux") return true;
  return ["/dev/dri/renderD128", "/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd"].some(node =>
    existsSync(node),
  );
}

/**
 * Starts a headless Chromium on a profile of its own and opens a page in it: on the GPU where there is one, else on
 * the software adapter, which is said. With `CHROMIUM_ARGS` exactly those switches are used.
 * @param {{ url: string, args?: string[] }} options url: an http://localhost page; args: more switches
 * @returns {Promise<{ page: import("playwright").Page, version: string, args: string[], close: () => Promise<void> }>}
 */
export async function openPage({ url, args = [] }) {
  const [chromium, { path }] = [await loadDriver(), await ensureChromium()];
  const chosen = Boolean(process.env.CHROMIUM_ARGS?.trim());
  const attempts =
    chosen || !mayHaveGpu() ? [{ software: !chosen }] : [{ software: false }, { software: true }];
  for (const [index, { software }] of attempts.entries()) {
    const last = index === attempts.length - 1;
    const session = await launch(chromium, path, [...chromiumArgs({ software }), ...args]);
    try {
      await session.page.goto(url);
      // a fallback to the software adapter is silent: ask which one it is
      const adapter = last && !software ? "hardware" : await probeAdapter(session.page);
      if (last || adapter === "hardware") {
        if (software) say("No GPU that Chromium can use: running on the software adapter, which is slow.");
        return session;
      }
    } catch (error) {
      if (last) {
        await session.close();
        throw new ScriptError("BrowserError", "page", `Chromium did not open ${url}: ${messageOf(error)}`);
      }
    }
    await session.close();
  }
  throw new Error("unreachable");
}

/**
 * @param {import("playwright").BrowserType} chromium
 * @param {string} executablePath
 * @param {string[]} args
 */
async function launch(chromium, executablePath, args) {
  // a real profile, not a private window: private windows keep IndexedDB in memory
  const profile = mkdtempSync(join(tmpdir(), "intab-profile-"));
  const removeProfile = () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  process.once("exit", removeProfile); // whatever ends this process, in mid-launch too
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      args,
      headless: true,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    return {
      page,
      version: context.browser()?.version() ?? "",
      args,
      close: async () => {
        await context.close().catch(() => undefined); // it may have crashed, which the caller has noticed
        removeProfile();
      },
    };
  } catch (error) {
    removeProfile();
    throw new ScriptError("BrowserError", "launch", `${executablePath} did not start: ${messageOf(error)}`);
  }
}

/**
 * @param {import("playwright").Page} page
 * @returns {Promise<"hardware" | "software" | "none">}
 */
function probeAdapter(page) {
  return page.evaluate(async () => {
    // the first answer can be null while the GPU process starts
    for (let attempt = 0; attempt < 4; attempt++) {
      const adapter = await navigator.gpu?.requestAdapter();
      if (adapter) {
        const software =
          adapter.info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(adapter.info.architecture);
        return software ? "software" : "hardware";
      }
      await new Promise(resolve => setTimeout(resolve, 300));
    }
    return "none";
  });
}
