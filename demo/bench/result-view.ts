/** A report as tables, with the button that hands it over as a file. */
import type { ProfileResult } from "intab";
import { format, type Metric, metricsOf, range } from "../../bench/lib/metrics.mjs";
import type { Report } from "../../bench/lib/report.d.mts";
import { reportText } from "../../bench/lib/report-text.mjs";
import { median } from "../../bench/lib/statistics.mjs";
import { h } from "../dom.ts";
import { speedChart } from "./chart.ts";

export function resultView(report: Report): HTMLElement {
  return h(
    "div",
    { class: "bench-result" },
    h(
      "div",
      {},
      h("h2", {}, report.model.name),
      h(
        "p",
        { class: "hint" },
        `Median of ${report.job.runs} runs after a warm-up of each length; the range of the runs beside it.`,
      ),
    ),
    speedChart(report),
    table("Figures", ["figure", "median", "range"], metricsOf(report).map(metricRow)),
    ...report.profile.map(profileView),
    kernelsView(report.info.kernels),
    h(
      "div",
      {},
      h(
        "button",
        { type: "button", class: "button", "data-testid": "download", onclick: () => download(report) },
        "Download as JSON",
      ),
    ),
  );
}

function metricRow(metric: Metric): HTMLElement {
  return h(
    "tr",
    { "data-metric": metric.name },
    h("th", { scope: "row" }, metric.name, metric.note ? h("small", {}, metric.note) : null),
    h("td", {}, format(median(metric.values), metric.unit)),
    h("td", { class: "range" }, range(metric)),
  );
}

function profileView({ phase, context, rows, kernels }: ProfileResult): HTMLElement {
  const sum = kernels.reduce((total, { microseconds }) => total + microseconds, 0);
  const title =
    phase === "decode" ? `GPU time of a token at context ${context}` : `GPU time of ${rows} prompt tokens`;
  const body = [...kernels]
    .sort((a, b) => b.microseconds - a.microseconds)
    .map(({ label, dispatches, microseconds }) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, label),
        h("td", {}, String(dispatches)),
        h("td", {}, `${format(microseconds, "")} µs`),
        h("td", { class: "range" }, `${((100 * microseconds) / sum).toFixed(1)} %`),
      ),
    );
  return h("div", {}, h("h2", {}, title), table(title, ["kernel", "dispatches", "together", "share"], body));
}

function kernelsView(kernels: Readonly<Record<string, readonly string[]>>): HTMLElement {
  const body = Object.entries(kernels).map(([kernel, variants]) =>
    h("tr", {}, h("th", { scope: "row" }, kernel), h("td", { class: "words" }, variants.join(", "))),
  );
  return h(
    "div",
    { "data-testid": "kernels" },
    h("h2", {}, "Variants that ran here"),
    table("Variants", ["kernel", "variants"], body),
  );
}

/** @param name for screen readers, where the table scrolls */
function table(name: string, columns: readonly string[], body: readonly HTMLElement[]): HTMLElement {
  const head = columns.map(column => h("th", { scope: "col" }, column));
  return h(
    "div",
    { class: "bench-scroll", tabindex: 0, role: "region", "aria-label": name },
    h("table", { class: "bench-table" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body)),
  );
}

function download(report: Report): void {
  const address = URL.createObjectURL(new Blob([reportText(report)], { type: "application/json" }));
  const name = `intab-bench-${report.date.slice(0, 19).replaceAll(":", "-")}.json`;
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // the browser reads it after this turn
}
