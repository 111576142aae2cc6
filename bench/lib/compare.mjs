// What moved between two reports, and what only wobbled.
import { readFileSync } from "node:fs";
import { messageOf, ScriptError } from "../../scripts/lib/log.mjs";
import { smClock } from "./clocks.mjs";
import { format, metricsOf, range } from "./metrics.mjs";
import { median, rankTest } from "./statistics.mjs";
import { table } from "./table.mjs";

/** @typedef {import("./report.d.mts").Report} Report */

/** Chance of calling noise a move, per figure: 5 runs against 5 pass it when all of one side lie beyond the other's. */
const CHANCE = 0.01;
/** A smaller difference of medians is no move, however certain. */
const SMALLEST = 0.01;
/** Single values have no range: a difference below this is called noise. */
const SINGLE = 0.1;
/** Clocks that differ by less are the same. */
const CLOCK = 0.02;

/**
 * @param {string} file
 * @returns {Report}
 */
export function readReport(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new ScriptError("UsageError", "report", `${file} could not be read: ${messageOf(error)}`, {
      exitCode: 2,
    });
  }
  if (report?.format !== "intab-bench-1")
    throw new ScriptError("UsageError", "report", `${file} is no report of npm run bench -- --json.`, {
      exitCode: 2,
    });
  return report;
}

/**
 * @param {Pick<import("./metrics.mjs").Metric, "values" | "better">} before
 * @param {{ values: readonly number[] }} after
 * @returns {"better" | "worse" | "same" | "too few runs"}
 */
export function verdict({ values, better }, after) {
  const [from, to] = [median(values), median(after.values)];
  const change = (to - from) / Math.abs(from);
  if (from === to || Math.abs(change) < SMALLEST) return "same";
  const improved = change > 0 === (better === "higher") ? "better" : "worse";
  if (values.length === 1 && after.values.length === 1) return Math.abs(change) < SINGLE ? "same" : improved;
  if (rankTest(values, after.values) <= CHANCE) return improved;
  const apart =
    Math.max(...values) < Math.min(...after.values) || Math.min(...values) > Math.max(...after.values);
  return apart ? "too few runs" : "same";
}

/**
 * @param {Report} before
 * @param {Report} after
 */
export function compareReports(before, after) {
  const earlier = new Map(metricsOf(before).map(metric => [metric.name, metric]));
  return metricsOf(after).flatMap(metric => {
    const first = earlier.get(metric.name);
    return first ? [{ before: first, after: metric, verdict: verdict(first, metric) }] : [];
  });
}

/** The settings that make two reports hard to compare. @param {Report} a @param {Report} b */
function differences(a, b) {
  /** @type {[string, (report: Report) => string][]} */
  const settings = [
    ["model", report => report.model.name],
    [
      "adapter",
      ({ info: { adapter } }) => `${adapter.vendor} ${adapter.architecture} ${adapter.features.join(" ")}`,
    ],
    ["browser", report => report.browser],
    ["switches", report => (report.flags ?? []).join(" ")],
    ["GPU", ({ clocks }) => (clocks ? `${clocks.gpu}, driver ${clocks.driver}` : "not told")],
    ["timed runs", report => String(report.job.runs)],
    ["tokens a decode", report => String(report.job.decodeTokens)],
    ["context", report => String(report.info.contextLength)],
    ...kernelFamilies(a, b).map(
      family =>
        /** @type {[string, (report: Report) => string]} */ ([
          `kernels, ${family}`,
          ({ info }) => info.kernels?.[family]?.join(" ") ?? "not told",
        ]),
    ),
  ];
  const rows = settings.filter(([, of]) => of(a) !== of(b)).map(([name, of]) => [name, of(a), of(b)]);
  for (const part of ["prefill", "decode"]) {
    const [from, to] = [smClock(a.clocks, part), smClock(b.clocks, part)];
    if (from === undefined || to === undefined || Math.abs(to / from - 1) < CLOCK) continue;
    rows.push([`SM clock, ${part}`, `${format(from, "")} MHz`, `${format(to, "")} MHz`]);
  }
  return rows;
}

/** @param {Report} a @param {Report} b */
const kernelFamilies = (a, b) => [...new Set([a, b].flatMap(({ info }) => Object.keys(info.kernels ?? {})))];

/** Figures that only one of the reports has. @param {Report} report @param {Report} other */
function missingFrom(report, other) {
  const names = new Set(metricsOf(other).map(({ name }) => name));
  return metricsOf(report).flatMap(({ name }) => (names.has(name) ? [] : [name]));
}

/**
 * @param {Report} before
 * @param {Report} after
 * @returns {string}
 */
export function printComparison(before, after) {
  const compared = compareReports(before, after);
  const moved = compared.filter(({ verdict: word }) => word === "better" || word === "worse").length;
  const other = differences(before, after);
  const alone = [
    ["only in the first", missingFrom(before, after).join("; ")],
    ["only in the second", missingFrom(after, before).join("; ")],
  ].filter(([, names]) => names !== "");
  return [
    `${before.commit ?? "?"} (${before.date}) -> ${after.commit ?? "?"} (${after.date})`,
    ...(other.length > 0 ? [`Not the same in both:\n${table(other)}`] : []),
    table(
      compared.map(({ before: a, after: b, verdict: word }) => {
        const change = median(b.values) / median(a.values) - 1;
        return [
          a.name,
          format(median(a.values), a.unit),
          range(a),
          format(median(b.values), b.unit),
          range(b),
          `${change >= 0 ? "+" : ""}${(100 * change).toFixed(1)} %`,
          word === "same" ? "" : word,
        ];
      }),
      "lrlrlrl",
    ),
    ...(alone.length > 0 ? [table(alone)] : []),
    `${moved} of ${compared.length} figures moved beyond noise (rank test on the single runs, p <= ${CHANCE}, and medians at least ${100 * SMALLEST} % apart; figures of one run each: ${100 * SINGLE} %).`,
  ].join("\n\n");
}
