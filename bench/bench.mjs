// npm run bench: prefill, decode and load times of a model in a headless Chromium, medians, as a table and as JSON.
// Plain Node, playwright or playwright-core and the built dist/demo are enough to run it.
import { writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuilt } from "../scripts/lib/build.mjs";
import { openPage } from "../scripts/lib/chromium.mjs";
import { reportError, ScriptError, say } from "../scripts/lib/log.mjs";
import { ensureSmollm2 } from "../scripts/lib/model.mjs";
import { serve } from "../scripts/lib/server.mjs";

const HELP = `Usage: npm run bench -- [options]

Times a model in a headless Chromium through the public API: load cold and from IndexedDB, prefill, decode. Every figure is
the median of warmed runs. On a machine without a GPU the software adapter is used, with fewer tokens.

  --model builtin|smollm2|PATH   default: smollm2
  --prefill 512,1024             prompt lengths, tokens
  --decode-at 0,2048             context lengths at which decode is timed, tokens
  --decode-tokens 128            tokens per timed decode
  --runs 5                       timed runs, after one that is not counted
  --no-f16, --no-subgroups       switch the optional features off
  --json FILE                    write all single runs as JSON
  --help                         this text

CHROMIUM_PATH and CHROMIUM_ARGS choose the browser and its switches, as for npm run ask.`;

/** @param {string} text */
const numbers = text => text.split(",").map(Number);

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** @param {number[]} values */
const spread = values => `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string", default: "smollm2" },
      prefill: { type: "string" },
      "decode-at": { type: "string" },
      "decode-tokens": { type: "string" },
      runs: { type: "string" },
      "no-f16": { type: "boolean", default: false },
      "no-subgroups": { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const builtin = join("models", "intab-tiny-q4_0.gguf");
  const root = await ensureBuilt("demo");
  const file =
    values.model === "builtin"
      ? join(root, builtin)
      : values.model === "smollm2"
        ? await ensureSmollm2()
        : resolve(values.model);
  const server = await serve({ root, files: { "/bench-model.gguf": () => file } });
  const session = await openPage({ url: `${server.url}/bench.html` });
  try {
    const { page } = session;
    page.on("pageerror", error => say(`In the page: ${error.message}`));
    await page.exposeFunction("intabBenchStep", (/** @type {string} */ step) => say(step));
    await page.waitForFunction(() => "intabBench" in window);
    const { adapter: found, reason } = await page.evaluate(() => window.intabSupport());
    if (!found) throw new ScriptError("GpuUnavailableError", "no-adapter", reason);
    const software = found.fallback;
    const prefill = numbers(values.prefill ?? (software ? "64" : "512,1024"));
    const decodeAt = numbers(values["decode-at"] ?? (software ? "0" : "0,2048"));
    const decodeTokens = Number(values["decode-tokens"] ?? (software ? 24 : 128));
    /** @type {import("../demo/bench.ts").BenchJob} */
    const job = {
      url: `${server.url}/bench-model.gguf`,
      loadOptions: {
        contextLength: Math.max(...prefill, ...decodeAt.map(context => context + decodeTokens + 1)) + 1,
        features: {
          ...(values["no-f16"] ? { f16: false } : {}),
          ...(values["no-subgroups"] ? { subgroups: false } : {}),
        },
      },
      prefill,
      decodeAt,
      decodeTokens,
      runs: Number(values.runs ?? (software ? 3 : 5)),
    };
    const result = await page.evaluate(given => window.intabBench(given), job);
    const { adapter, gpuBytes } = result.info;
    console.log(
      `${basename(file)} on ${adapter.vendor} ${adapter.architecture}${adapter.fallback ? " (software)" : ""}, ` +
        `features ${adapter.features.join(" ") || "none"}, Chromium ${session.version}`,
    );
    console.log(`GPU memory ${(gpuBytes / 1e6).toFixed(0)} MB, context ${result.info.contextLength}`);
    const rows = [
      ["load, empty cache", `${result.coldLoadMs.toFixed(0)} ms`, ""],
      ["load from IndexedDB", `${result.cachedLoadMs.toFixed(0)} ms`, ""],
      ["IndexedDB to first token", `${result.cachedFirstTokenMs.toFixed(0)} ms`, ""],
      ...result.prefill.map(({ tokens, tokensPerSecond }) => [
        `prefill, ${tokens} tokens`,
        `${median(tokensPerSecond).toFixed(median(tokensPerSecond) < 100 ? 2 : 0)} tok/s`,
        spread(tokensPerSecond),
      ]),
      ...result.decode.map(({ context, tokensPerSecond, dispatchesPerToken, submitsPerToken }) => [
        `decode at context ${context}`,
        `${median(tokensPerSecond).toFixed(median(tokensPerSecond) < 100 ? 2 : 0)} tok/s`,
        `${spread(tokensPerSecond)}; ${dispatchesPerToken.toFixed(0)} dispatches, ${submitsPerToken.toFixed(2)} submits a token`,
      ]),
    ];
    for (const [what = "", figure = "", note = ""] of rows)
      console.log(`${what.padEnd(28)}${figure.padStart(14)}  ${note}`);
    if (values.json)
      writeFileSync(
        values.json,
        `${JSON.stringify({ job, browser: session.version, ...result }, null, 2)}\n`,
      );
  } finally {
    await session.close();
    await server.close();
  }
}

main().catch(error => {
  reportError(error);
  process.exitCode = 1;
});
