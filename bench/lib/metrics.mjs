// The figures of a report as one list: the table prints them, and --compare sets two lists against each other.
import { median } from "./statistics.mjs";

/** @typedef {import("./report.d.mts").Report} Report */

/**
 * @typedef {object} Metric
 * @property {string} name
 * @property {"tok/s" | "ms" | "bytes" | "GB/s" | "%" | ""} unit
 * @property {"higher" | "lower"} better
 * @property {number[]} values single runs
 * @property {string} [note]
 */

/**
 * Bytes that a decode step at this context has to read: all weights that a token needs, and the keys and values before it.
 * @param {Report["info"]} info
 * @param {number} positions
 */
export function bytesPerToken(info, positions) {
  return info.weightBytesPerToken + info.kvBytesPerPosition * positions;
}

/**
 * @param {Pick<Report, "info" | "job" | "bandwidth" | "load" | "prefill" | "decode" | "together" | "beside" | "frames" | "heap">} report
 * @returns {Metric[]}
 */
export function metricsOf(report) {
  const { info, job, bandwidth, load, prefill, decode, together = [], beside, frames, heap } = report;
  /** @type {Metric[]} */
  const metrics = [];
  /** @param {string} name @param {Metric["unit"]} unit @param {Metric["better"]} better @param {number[]} values */
  const add = (name, unit, better, values, note = "") => {
    if (values.length > 0) metrics.push({ name, unit, better, values, note });
  };
  add("load, nothing stored", "ms", "lower", load.coldMs);
  add("load, from IndexedDB", "ms", "lower", load.cachedMs);
  add("load, from the file", "ms", "lower", load.fileMs ?? [], "read in place, nothing stored");
  add("load to first token", "ms", "lower", load.firstTokenMs, "prompt of 16 tokens, after the faster load");
  for (const { tokens, tokensPerSecond } of prefill)
    add(`prefill, ${tokens} tokens`, "tok/s", "higher", tokensPerSecond);
  for (const { tokens, firstTokenMs } of prefill)
    add(`first token, ${tokens} tokens`, "ms", "lower", firstTokenMs);
  for (const { context, tokensPerSecond, dispatchesPerToken, submitsPerToken } of decode) {
    const counts = `${dispatchesPerToken.toFixed(0)} dispatches, ${submitsPerToken.toFixed(2)} submits a token`;
    add(`decode at ${context}`, "tok/s", "higher", tokensPerSecond, counts);
  }
  for (const { requests, tokensPerSecond } of together)
    add(`${requests} requests together`, "tok/s", "higher", tokensPerSecond, "all their tokens");
  if (beside) {
    const note = "time between pieces of text, 95th percentile";
    add("interval, alone", "ms", "lower", beside.aloneMs, note);
    add(`interval, beside a prompt of ${beside.promptTokens}`, "ms", "lower", beside.besideMs, note);
  }
  if (bandwidth) {
    const measured = median(bandwidth.bytesPerSecond);
    add(
      "memory bandwidth",
      "GB/s",
      "higher",
      bandwidth.bytesPerSecond.map(value => value / 1e9),
      `streaming read, by ${bandwidth.clock}`,
    );
    for (const { context, tokensPerSecond } of decode) {
      const bytes = bytesPerToken(info, context + job.decodeTokens / 2);
      const share = tokensPerSecond.map(value => (100 * value * bytes) / measured);
      add(
        `bandwidth share, decode at ${context}`,
        "%",
        "higher",
        share,
        `${(bytes / 1e6).toFixed(0)} MB a token`,
      );
    }
  }
  const submits = decode.flatMap(({ longestSubmitMs }) => longestSubmitMs);
  const chunks = prefill.flatMap(({ longestSubmitMs }) => longestSubmitMs);
  add("longest submit, prefill", "ms", "lower", chunks.length > 0 ? [Math.max(...chunks)] : []);
  add("longest submit, decode", "ms", "lower", submits.length > 0 ? [Math.max(...submits)] : []);
  if (frames)
    add(
      "frame interval, p99",
      "ms",
      "lower",
      [frames.p99Ms],
      `median ${frames.medianMs.toFixed(1)}, longest ${frames.longestMs.toFixed(1)}, ${frames.count} frames`,
    );
  add("GPU memory", "bytes", "lower", [info.gpuBytes], `context ${info.contextLength}`);
  if (heap)
    add("JS heap, peak", "bytes", "lower", [heap.peakBytes], "page and worker, array buffers included");
  if (heap?.arrayBuffers) {
    const { before, peak, page, workers } = heap.arrayBuffers;
    const [x, y, z] = [page, workers, before].map(value => format(value, "bytes"));
    const note = `while loading: page ${x}, worker ${y}; ${z} before`;
    add("array buffers, peak", "bytes", "lower", [peak], note);
  }
  return metrics;
}

/**
 * @param {number} value
 * @param {Metric["unit"]} unit
 */
export function format(value, unit) {
  if (unit === "bytes") return `${(value / 1e6).toFixed(value < 10e6 ? 1 : 0)} MB`;
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const [whole = "", rest] = value.toFixed(digits).split(".");
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest === undefined ? "" : `.${rest}`);
  return unit ? `${text} ${unit}` : text;
}

/** @param {Metric} metric */
export function range({ values, unit }) {
  if (values.length < 2) return "";
  const bare = (/** @type {number} */ value) => format(value, unit).replace(/ [^ ]+$/, "");
  return `${bare(Math.min(...values))}-${bare(Math.max(...values))}`;
}
