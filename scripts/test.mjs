// npm test: sets up what is missing, runs every lane, and sums what the runners themselves report.
//   node scripts/test.mjs [check] [unit] [fuzz] [package] [kernels] [e2e]     (default: all of these)
//   node scripts/test.mjs gpu     kernels and whole models in Chromium on this machine's own GPU
//   node scripts/test.mjs long    kernels and whole models on both software adapters, in every variant
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "./lib/build.mjs";
import { ensureChromium } from "./lib/chromium.mjs";
import { ensureLavapipe } from "./lib/lavapipe.mjs";
import { messageOf, reportError, ScriptError } from "./lib/log.mjs";
import { ensureSmollm2 } from "./lib/model.mjs";
import { endMarked, root, run } from "./lib/process.mjs";
import { readPlaywrightReport, readVitestReport } from "./lib/reports.mjs";

/** @typedef {import("./lib/reports.mjs").Counts} Counts */

const DEFAULT_LANES = ["check", "unit", "fuzz", "package", "kernels", "e2e"];
const LANES = [...DEFAULT_LANES, "gpu", "long"];
const REPORTS = join(root, "reports");
/** The longest lane of `npm test` takes some 10 minutes on 2 cores; one that hangs is a failure, not a wait without end. */
const LANE_TIMEOUT_MS = 30 * 60_000;
const LONG_TIMEOUT_MS = 180 * 60_000;
/** In the environment of all that the lanes start, so that what outlives them is found. */
const MARK = "INTAB_TEST_RUN";
process.env[MARK] = randomUUID();
const bin = (/** @type {string} */ file) => join(root, "node_modules", file);

/** @type {{ name: string, counts: Counts, seconds: number }[]} */
const results = [];

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, async () => {
    await endMarked(`${MARK}=${process.env[MARK]}`, 0);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * Runs one step and keeps its counts; what it throws is one failure.
 * @param {string} name
 * @param {() => Promise<Counts>} work
 */
async function step(name, work) {
  console.log(`\n=== ${name}`);
  const start = Date.now();
  /** @type {Counts} */
  let counts;
  try {
    counts = await work();
  } catch (error) {
    reportError(error);
    counts = { passed: 0, failed: 1, skipped: [], problems: [messageOf(error).split("\n")[0] ?? ""] };
  }
  for (const command of await endMarked(`${MARK}=${process.env[MARK]}`)) {
    counts.failed++;
    counts.problems.push(`was still running after it, and was ended: ${command.slice(0, 200)}`);
  }
  results.push({ name, counts, seconds: Math.round((Date.now() - start) / 1000) });
}

/** @returns {Counts} */
const passed = () => ({ passed: 1, failed: 0, skipped: [], problems: [] });

/**
 * A check that is no test runner: counts as one.
 * @param {string} name
 * @param {string[]} command a Node script and its arguments
 */
const check = (name, command) =>
  step(name, async () => {
    const status = await run(process.execPath, command, { output: "inherit" });
    if (status !== 0)
      throw new ScriptError("CheckError", "failed", `${name} failed: its messages are above.`);
    return passed();
  });

/**
 * @param {string} name
 * @param {string[]} selection arguments that choose the project
 * @param {number} [timeoutMs]
 */
const vitest = (name, selection, timeoutMs = LANE_TIMEOUT_MS) =>
  step(name, async () => {
    const report = join(REPORTS, `${name.replaceAll(" ", "-")}.json`);
    const status = await run(
      process.execPath,
      [
        bin("vitest/vitest.mjs"),
        "run",
        ...selection,
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${report}`,
      ],
      { output: "inherit", timeoutMs },
    );
    return readVitestReport(report, status);
  });

const playwright = () =>
  step("e2e", async () => {
    const report = join(REPORTS, "e2e.json");
    const status = await run(
      process.execPath,
      [bin("@playwright/test/cli.js"), "test", "--reporter=list,json"],
      {
        output: "inherit",
        timeoutMs: LANE_TIMEOUT_MS,
        env: { PLAYWRIGHT_JSON_OUTPUT_FILE: report, PLAYWRIGHT_JSON_OUTPUT_NAME: report },
      },
    );
    return readPlaywrightReport(report, status);
  });

/** @param {ReadonlySet<string>} lanes */
async function setUp(lanes) {
  const browser = ["package", "kernels", "e2e", "gpu", "long"].some(lane => lanes.has(lane));
  if (browser) {
    await step("set-up: Chromium", async () => {
      const { path, source } = await ensureChromium();
      process.env.CHROMIUM_PATH = path;
      console.log(`${path} (${source})`);
      return passed();
    });
  }
  if (lanes.has("kernels") || lanes.has("long")) {
    await step("set-up: lavapipe", async () => {
      console.log(await ensureLavapipe());
      return passed();
    });
  }
  if (["kernels", "e2e", "gpu", "long"].some(lane => lanes.has(lane))) {
    await step("set-up: SmolLM2", async () => {
      console.log(await ensureSmollm2());
      return passed();
    });
  }
}

/** @param {ReadonlySet<string>} lanes */
async function runLanes(lanes) {
  if (lanes.has("check")) {
    await check("types", [bin("typescript/bin/tsc"), "--noEmit"]);
    await check("lint and format", [bin("@biomejs/biome/bin/biome"), "ci", "--error-on-warnings"]);
    const folders = ["src", "demo", "e2e", "bench"].filter(folder => existsSync(join(root, folder)));
    await check("direction of imports", [
      bin("dependency-cruiser/bin/dependency-cruise.mjs"),
      "--config",
      ".dependency-cruiser.cjs",
      ...folders,
    ]);
  }
  if (lanes.has("unit")) await vitest("unit", ["--project", "unit"]);
  if (lanes.has("fuzz")) {
    process.env.INTAB_FUZZ_SEED ??= "1"; // a change is not to be blamed for what chance found
    await vitest("fuzz", ["--project", "fuzz"]);
  }
  for (const part of /** @type {const} */ (["lib", "demo"])) {
    if (!lanes.has(part === "lib" ? "package" : "e2e")) continue;
    await step(`build: ${part}`, async () => {
      console.log(await ensureBuilt(part));
      return passed();
    });
  }
  if (lanes.has("package")) await vitest("package", ["--config", "tests/package/vitest.config.ts"]);
  if (lanes.has("kernels")) {
    await vitest("kernels on Chromium", ["--project", "chromium"]);
    await vitest("kernels on lavapipe", ["--project", "lavapipe"]);
  }
  if (lanes.has("e2e")) await playwright();
  if (lanes.has("long")) {
    process.env.INTAB_TEST_LONG = "1";
    await vitest("long on Chromium", ["--project", "chromium"], LONG_TIMEOUT_MS);
    await vitest("long on lavapipe", ["--project", "lavapipe"], LONG_TIMEOUT_MS);
  }
  if (lanes.has("gpu")) {
    process.env.INTAB_TEST_ADAPTER = "hardware";
    await vitest("gpu", ["--project", "chromium"]);
  }
}

function summarise() {
  const total = { passed: 0, failed: 0, skipped: 0 };
  console.log("\n=== Summary");
  for (const { name, counts, seconds } of results) {
    const { passed, failed, skipped } = counts;
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped.length;
    console.log(
      `${failed > 0 ? "FAILED" : "ok    "} ${name}: ${passed} passed, ${failed} failed, ${skipped.length} skipped (${seconds} s)`,
    );
  }
  for (const { name, counts } of results) {
    for (const problem of counts.problems) console.log(`FAILED ${name}: ${problem}`);
    for (const test of counts.skipped) console.log(`SKIPPED ${name}: ${test}`);
  }
  const minutes = results.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  console.log(`${minutes.toFixed(1)} minutes in all`);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 && total.passed > 0;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter(lane => !LANES.includes(lane));
if (unknown.length > 0) {
  process.exitCode = reportError(
    new ScriptError("UsageError", "option", `There is no lane ${unknown.join(", ")}: ${LANES.join(", ")}.`, {
      exitCode: 2,
    }),
  );
} else {
  const lanes = new Set(wanted.length > 0 ? wanted : DEFAULT_LANES);
  rmSync(REPORTS, { recursive: true, force: true });
  mkdirSync(REPORTS, { recursive: true });
  await setUp(lanes);
  await runLanes(lanes);
  process.exitCode = summarise() ? 0 : 1;
}
