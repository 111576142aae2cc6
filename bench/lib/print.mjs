// A report as text: the setting, the table, the profile, the peers.
import { smClock } from "./clocks.mjs";
import { format, metricsOf, range } from "./metrics.mjs";
import { median } from "./statistics.mjs";
import { table } from "./table.mjs";

/** @typedef {import("./report.d.mts").Report} Report */

/** Runs of a rate that lie further apart (largest by smallest) make no ratio to rely on. */
const SPREAD = 1.3;

/** @param {Report} report */
export function printReport(report) {
  const { info, model, clocks, job } = report;
  const { adapter } = info;
  return [
    table([
      ["model", `${model.name}, ${(model.bytes / 1e6).toFixed(1)} MB, ${types(info.tensorTypes)}`],
      [
        "adapter",
        `${adapter.vendor} ${adapter.architecture} ${adapter.description}${adapter.fallback ? " (software)" : ""}`,
      ],
      ["features", adapter.features.join(" ") || "none"],
      ...(info.kernels ? [["kernels", kernels(info.kernels)]] : []),
      ...(clocks ? [["clocks", `${clocks.gpu}, driver ${clocks.driver}${smClocks(clocks)}`]] : []),
      ["browser", report.browser],
      ...(report.flags ? [["switches", report.flags.join(" ")]] : []),
      ...(report.commit ? [["commit", report.commit]] : []),
      ["runs", `median of ${job.runs}, after a warm-up of each length; the range beside it`],
    ]),
    table(
      metricsOf(report).map(metric => [
        metric.name,
        format(median(metric.values), metric.unit),
        range(metric),
        metric.note ?? "",
      ]),
      "lrl",
    ),
    ...(report.profile ?? []).map(printProfile),
    ...(job.profile.length > 0 && report.profile.length === 0
      ? ["No kernel was timed: this browser or GPU offers no timestamp queries."]
      : []),
    ...(report.peers?.length ? [printPeers(report)] : []),
  ].join("\n\n");
}

/** @param {import("./report.d.mts").Clocks | null | undefined} clocks */
function smClocks(clocks) {
  const parts = ["prefill", "decode"].flatMap(part => {
    const mhz = smClock(clocks, part);
    return mhz === undefined ? [] : [`${format(mhz, "")} MHz in ${part}`];
  });
  return parts.length > 0 ? `, SM clock (median) ${parts.join(", ")}` : "";
}

/** @param {Readonly<Record<string, number>>} counts */
const types = counts =>
  Object.entries(counts)
    .map(([type, count]) => `${count} ${type}`)
    .join(", ");

/** @param {Readonly<Record<string, readonly string[]>>} variants */
const kernels = variants =>
  Object.entries(variants)
    .map(([kernel, names]) => `${kernel}: ${names.join(" ")}`)
    .join("; ");

/** @param {import("intab").ProfileResult} profile */
function printProfile({ phase, context, rows, kernels, wholeMicroseconds }) {
  const sum = kernels.reduce((total, { microseconds }) => total + microseconds, 0);
  const title =
    phase === "decode"
      ? `GPU time of a token at context ${context}`
      : `GPU time of ${rows} rows at ${context}`;
  return `${title}, by timestamps\n${table(
    [
      ["kernel", "dispatches", "us each", "us", "share"],
      ...kernels.map(({ label, dispatches, microseconds }) => [
        label,
        String(dispatches),
        (microseconds / dispatches).toFixed(2),
        microseconds.toFixed(1),
        `${((100 * microseconds) / sum).toFixed(1)} %`,
      ]),
      ["sum", "", "", sum.toFixed(1), ""],
      ["all in order, one pass", "", "", wholeMicroseconds.toFixed(1), ""],
    ],
    "lrrrr",
  )}`;
}

/** @param {Report} report */
function printPeers({ prefill, decode, peers = [] }) {
  const rows = [["against", "", "tok/s", "range", "intab", "ratio"]];
  for (const peer of peers) {
    if ("notRun" in peer) {
      rows.push([peer.name, `not run: ${peer.notRun}`]);
      continue;
    }
    rows.push([`${peer.name} ${peer.version}`, `on ${peer.on}${smClocks(peer.clocks)}`]);
    /** @param {string} what @param {number[]} theirs @param {number[] | undefined} ours */
    const row = (what, theirs, ours) => {
      if (theirs.length === 0 || !ours) return;
      const [a, b] = [median(ours), median(theirs)];
      const spread = range({ name: "", unit: "tok/s", better: "higher", values: theirs });
      const wild = [theirs, ours].some(runs => Math.max(...runs) > SPREAD * Math.min(...runs));
      rows.push(["", what, format(b, ""), spread, format(a, ""), `${wild ? "~" : ""}${(a / b).toFixed(2)}x`]);
    };
    for (const { tokens, tokensPerSecond } of peer.prefill)
      row(
        `prefill, ${tokens} tokens`,
        tokensPerSecond,
        prefill.find(ours => ours.tokens === tokens)?.tokensPerSecond,
      );
    for (const { context, tokensPerSecond } of peer.decode)
      row(
        `decode at ${context}`,
        tokensPerSecond,
        decode.find(ours => ours.context === context)?.tokensPerSecond,
      );
  }
  const marked = rows.some(row => row[5]?.startsWith("~"));
  const note = `~ runs of one side differ by more than ${SPREAD}x: do not rely on the ratio`;
  return `${table(rows, "llrrrr")}${marked ? `\n${note}` : ""}`;
}
