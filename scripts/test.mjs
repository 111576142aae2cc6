// npm test: sets up what is missing, runs every lane, and sums what the runners themselves report.
//   node scripts/test.mjs [check] [unit] [package] [kernels] [e2e]     (default: all of these)
//   node scripts/test.mjs gpu     kernels and whole models in Chromium on this machine's own GPU
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "./lib/build.mjs";
import { ensureChromium } from "./lib/chromium.mjs";
import { ensureLavapipe } from "./lib/lavapipe.mjs";
import { messageOf, reportError, ScriptError } from "./lib/log.mjs";
import { ensureSmollm2 } from "./lib/model.mjs";
import { root, run } from "./lib/process.mjs";
import { readPlaywrightReport, readVitestReport } from "./lib/reports.mjs";

/** @typedef {import("./lib/reports.mjs").Counts} Counts */

const DEFAULT_LANES = ["check", "unit", "package", "kernels", "e2e"];
const LANES = [...DEFAULT_LANES, "gpu"];
const REPORTS = join(root, "reports");
/** The longest lane takes 20 to 30 minutes on 2 cores; one that hangs is a failure, not a wait without end. */
const LANE_TIMEOUT_MS = 60 * 60_000;
const bin = (/** @type {string} */ file) => join(root, "node_modules", file);

/** @type {{ name: string, counts: Counts, seconds: number }[]} */
const results = [];

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
  results.push({ name, counts, seconds: Math.round((Date.now() - start) / 1000) });
}

/** @type {Counts} */
const PASSED = { passed: 1, failed: 0, skipped: [], problems: [] };

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
    return PASSED;
  });

/**
 * @param {string} name
 * @param {string[]} selection arguments that choose the project
 */
const vitest = (name, selection) =>
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
      { output: "inherit", timeoutMs: LANE_TIMEOUT_MS },
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
  const browser = ["package", "kernels", "e2e", "gpu"].some(lane => lanes.has(lane));
  if (browser) {
    await step("set-up: Chromium", async () => {
      const { path, source } = await ensureChromium();
      process.env.CHROMIUM_PATH = path;
      console.log(`${path} (${source})`);
      return PASSED;
    });
  }
  if (lanes.has("kernels")) {
    await step("set-up: lavapipe", async () => {
      console.log(await ensureLavapipe());
      return PASSED;
    });
  }
  if (["kernels", "e2e", "gpu"].some(lane => lanes.has(lane))) {
    await step("set-up: SmolLM2", async () => {
      console.log(await ensureSmollm2());
      return PASSED;
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
  for (const part of /** @type {const} */ (["lib", "demo"])) {
    if (!lanes.has(part === "lib" ? "package" : "e2e")) continue;
    await step(`build: ${part}`, async () => {
      console.log(await ensureBuilt(part));
      return PASSED;
    });
  }
  if (lanes.has("package")) await vitest("package", ["--config", "tests/package/vitest.config.ts"]);
  if (lanes.has("kernels")) {
    await vitest("kernels on Chromium", ["--project", "chromium"]);
    await vitest("kernels on lavapipe", ["--project", "lavapipe"]);
  }
  if (lanes.has("e2e")) await playwright();
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
