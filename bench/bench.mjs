// npm run bench: measures a model in a headless Chromium, and other engines beside it. Plain Node, playwright or
// playwright-core and the built dist/demo are enough to run it.
import { existsSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { ensureBuilt } from "../scripts/lib/build.mjs";
import { openPage } from "../scripts/lib/chromium.mjs";
import { commit } from "../scripts/lib/commit.mjs";
import { reportError, ScriptError, say } from "../scripts/lib/log.mjs";
import { cacheFolder, ensureSmollm2 } from "../scripts/lib/model.mjs";
import { serve } from "../scripts/lib/server.mjs";
import { profileChart } from "./lib/chart.mjs";
import { watchClocks } from "./lib/clocks.mjs";
import { printComparison, readReport } from "./lib/compare.mjs";
import { watchHeap } from "./lib/heap.mjs";
import { HELP, parseBenchArguments, syntheticFolder } from "./lib/options.mjs";
import { runPeers } from "./lib/peers.mjs";
import { printReport } from "./lib/print.mjs";
import { SIDE_PROMPT } from "./lib/prompt.mjs";
import { reportText } from "./lib/report-text.mjs";
import { ensureModel } from "./synthetic/write.mjs";

/** @typedef {import("./lib/report.d.mts").BenchJob} BenchJob */
/** @typedef {Extract<ReturnType<typeof parseBenchArguments>, { kind: "measure" }>} Options */

/**
 * @param {Options["model"]} model
 * @param {string} demo folder
 */
function findModel(model, demo) {
  if (model.shape !== undefined) {
    const onWrite = (/** @type {string} */ path) => say(`Writing ${path}`);
    return ensureModel(syntheticFolder(cacheFolder()), model.shape, model.type, { onWrite });
  }
  if (model.file === "builtin") return join(demo, "models", "intab-tiny-q4_0.gguf");
  if (model.file === "smollm2") return ensureSmollm2();
  const path = resolve(model.file);
  if (!existsSync(path))
    throw new ScriptError("UsageError", "model", `There is no file ${path}.`, { exitCode: 2 });
  return path;
}

/**
 * @param {Options} options
 * @param {boolean} software
 * @returns {Omit<BenchJob, "source">}
 */
function planJob(options, software) {
  const prefill = options.prefill ?? (software ? [64] : [512, 1024, 4096]);
  const decodeAt = options.decodeAt ?? (software ? [0] : [0, 2000, 8000]);
  const decodeTokens = options.decodeTokens ?? (software ? 24 : 128);
  const profiled = [...decodeAt.map(context => ({ phase: /** @type {const} */ ("decode"), context })), {}];
  const { together } = options;
  // pages of the requests side by side, and of one beside the longest prompt
  const shared = Math.max(0, ...together) * (SIDE_PROMPT + decodeTokens + 16);
  const beside = together.length > 0 ? Math.max(0, ...prefill) + 1024 : 0;
  const alone = decodeAt.map(context => Math.max(1, context) + decodeTokens);
  const needed = [...prefill, ...alone, shared, beside, 64];
  return {
    loadOptions: { contextLength: Math.max(...needed) + 1, features: options.features },
    prefill,
    decodeAt,
    decodeTokens,
    ...(together.length > 0 ? { together } : {}),
    runs: options.runs ?? (software ? 3 : 5),
    loadRuns: options.loadRuns ?? (software ? 1 : 3),
    warmUpMs: software ? 0 : 2000,
    bandwidth: options.bandwidth,
    profile: options.profile ? profiled.map(item => ({ phase: "prefill", ...item })) : [],
  };
}

/**
 * @param {Options} options
 * @param {string} file
 * @param {string} demo
 * @returns {Promise<import("./lib/report.d.mts").Report>}
 */
async function measureIntab(options, file, demo) {
  const server = await serve({ root: demo, files: { "/bench-model.gguf": () => file } });
  try {
    const session = await openPage({ url: `${server.url}/bench.html` });
    try {
      const { page } = session;
      page.on("pageerror", error => say(`In the page: ${error.message}`));
      await page.waitForFunction(() => "intabBench" in window);
      const { adapter, reason } = await page.evaluate(() => window.intabSupport());
      if (!adapter) throw new ScriptError("GpuUnavailableError", "no-adapter", reason);
      const job = planJob(options, adapter.fallback);
      const heap = await watchHeap(page);
      const clocks = watchClocks("load");
      try {
        await page.exposeFunction(
          "intabBenchStep",
          (/** @type {import("./lib/report.d.mts").BenchStep} */ { text, phase }) => {
            heap.sample(phase === "load");
            clocks.enter(phase);
            say(text);
          },
        );
        if (!options.store) await page.setInputFiles("#file", file);
        const source = options.store ? `${server.url}/bench-model.gguf` : null;
        const measured = await page.evaluate(given => window.intabBench(given), { ...job, source });
        return {
          format: /** @type {const} */ ("intab-bench-1"),
          date: new Date().toISOString(),
          commit: commit(),
          browser: `Chromium ${session.version}`,
          flags: session.args,
          model: { name: basename(file), bytes: statSync(file).size },
          job,
          ...measured,
          heap: heap.peak(),
          clocks: await clocks.end(),
        };
      } finally {
        // what goes on would keep this process
        await Promise.all([heap.close(), clocks.end()]);
      }
    } finally {
      await session.close();
    }
  } finally {
    await server.close();
  }
}

async function main() {
  const options = parseBenchArguments(process.argv.slice(2));
  if (options.kind === "help") return console.log(HELP);
  if (options.kind === "compare")
    return console.log(printComparison(readReport(options.before), readReport(options.after)));
  const demo = await ensureBuilt("demo");
  const file = await findModel(options.model, demo);
  const report = await measureIntab(options, file, demo);
  const save = () => writeFileSync(options.json, reportText(report));
  save(); // now, since a peer may take long
  if (options.against.length > 0) {
    const { prefill, decodeAt, decodeTokens, runs, warmUpMs, loadOptions } = report.job;
    const contextLength = loadOptions.contextLength ?? report.info.contextLength;
    const { vocabularySize } = report.info;
    report.peers = await runPeers(
      options.against,
      { file, prefill, decodeAt, decodeTokens, runs, warmUpMs, contextLength, vocabularySize },
      {
        folder: resolve(options.peersFolder ?? join(cacheFolder(), "peers")),
        given: options.peersFolder !== undefined,
        models: options.peerModels,
        nativeBatch: options.nativeBatch,
        limitMs: 60_000 * options.peerMinutes,
      },
    );
    save();
  }
  console.log(printReport(report));
  say(`Report: ${resolve(options.json)}`);
  if (report.profile.length === 0) return;
  const title = `${report.model.name} on ${report.info.adapter.vendor} ${report.info.adapter.architecture}`;
  writeFileSync(options.chart, profileChart(title, report.profile));
  say(`Profile: ${resolve(options.chart)}`);
}

main().catch(error => {
  process.exitCode = reportError(error);
});
