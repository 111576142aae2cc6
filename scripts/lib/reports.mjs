// From the runners' own JSON reports to counts. A report that is missing, empty or at odds with the exit status is a
// failure: a run that did not happen never looks like a pass.
import { existsSync, readFileSync } from "node:fs";
import { statusText } from "./process.mjs";

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} skipped names, with the reason where the runner knows it
 * @property {string[]} problems names of what failed
 */

/**
 * @param {string} file
 * @param {number} status exit status of vitest
 * @returns {Counts}
 */
export function readVitestReport(file, status) {
  const report = readReport(file);
  if (!report) return missing(status);
  /** @type {Counts} */
  const counts = { passed: 0, failed: 0, skipped: [], problems: [] };
  for (const suite of report.testResults) {
    const name = suite.name.replace(/^.*\/(?=tests\/)/, "");
    if (suite.assertionResults.length === 0 && suite.status === "failed") {
      fail(counts, `${name}: ${firstLine(suite.message)}`);
    }
    for (const test of suite.assertionResults) {
      const title = `${name} > ${test.fullName}`;
      if (test.status === "passed") counts.passed++;
      else if (test.status === "failed") fail(counts, title);
      else counts.skipped.push(title + (test.meta?.reason ? `: ${test.meta.reason}` : ""));
    }
  }
  return consistent(counts, status);
}

/**
 * @param {string} file
 * @param {number} status exit status of Playwright
 * @returns {Counts}
 */
export function readPlaywrightReport(file, status) {
  const report = readReport(file);
  if (!report) return missing(status);
  /** @type {Counts} */
  const counts = { passed: 0, failed: 0, skipped: [], problems: [] };
  /** @param {any} suite @param {string} path */
  const visit = (suite, path) => {
    for (const spec of suite.specs ?? []) {
      for (const test of spec.tests) {
        const title = `${path} > ${spec.title}`;
        // "flaky" passed at a second try: counted as what it is, a failure
        if (test.status === "expected") counts.passed++;
        else if (test.status === "skipped") counts.skipped.push(title + reasonOf(test));
        else fail(counts, `${title}${test.status === "flaky" ? " (flaky)" : ""}`);
      }
    }
    for (const child of suite.suites ?? []) visit(child, path ? `${path} > ${child.title}` : child.title);
  };
  for (const suite of report.suites) visit(suite, suite.title);
  for (const error of report.errors ?? []) fail(counts, firstLine(error.message));
  return consistent(counts, status);
}

/** @param {any} test */
function reasonOf(test) {
  const reason = test.annotations?.find(
    (/** @type {any} */ { type }) => type === "skip" || type === "fixme",
  )?.description;
  return reason ? `: ${reason}` : "";
}

/** @param {string} file */
function readReport(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** @param {Counts} counts @param {string} problem */
function fail(counts, problem) {
  counts.failed++;
  counts.problems.push(problem);
}

/** @param {number} status @returns {Counts} */
function missing(status) {
  return {
    passed: 0,
    failed: 1,
    skipped: [],
    problems: [`the runner left no report (${statusText(status)})`],
  };
}

/** @param {Counts} counts @param {number} status */
function consistent(counts, status) {
  if (counts.passed + counts.failed === 0) fail(counts, "no test ran");
  else if (status > 128) fail(counts, `the runner was ended by a signal (${statusText(status)})`);
  else if (status !== 0 && counts.failed === 0)
    fail(counts, `all tests passed, yet the runner ended with ${statusText(status)}`);
  return counts;
}

/** @param {unknown} text */
function firstLine(text) {
  return String(text ?? "").split("\n")[0] ?? "";
}
