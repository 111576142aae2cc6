// Times native llama.cpp through node-llama-cpp, in a process of its own: node native.mjs JOB.json, the result as JSON on
// stdout. Started by bench/lib/peers.mjs.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promptIds } from "../lib/prompt.mjs";

/** @type {import("../lib/peers.mjs").PeerJob & { nativeBatch: number }} */
const job = JSON.parse(readFileSync(String(process.argv[2]), "utf8"));
const entry = join(job.folder, "node_modules/node-llama-cpp/dist/index.js");
const { getLlama } = await import(pathToFileURL(entry).href);
// the binaries come with the packages: building or fetching one would take minutes and surprise
const llama = await getLlama({ gpu: "auto", build: "never", skipDownload: true, logLevel: "error" });
const model = await llama.loadModel({ modelPath: job.file });
const context = await model.createContext({
  contextSize: job.contextLength,
  batchSize: job.nativeBatch,
  flashAttention: true,
});
const sequence = context.getSequence();

/**
 * From an empty cache: the time of the prompt with its first token, and of the tokens after it.
 * @param {number} tokens
 * @param {number} more
 */
async function once(tokens, more) {
  await sequence.clearHistory();
  const started = performance.now();
  const generated = sequence.evaluate(promptIds(tokens, job.vocabularySize), {
    temperature: 0,
    yieldEogToken: true,
  });
  await generated.next();
  const first = performance.now();
  let count = 0;
  while (count < more && !(await generated.next()).done) count++;
  const last = performance.now();
  await generated.return?.();
  if (count < more) throw new Error(`llama.cpp ended after ${count + 1} of ${more + 1} tokens`);
  return { prefillMs: first - started, decodeMs: last - first };
}

/** @param {number} tokens @param {number} more @param {(times: { prefillMs: number, decodeMs: number }) => number} rate */
async function runs(tokens, more, rate) {
  /** @type {number[]} */
  const tokensPerSecond = [];
  for (let run = 0; run <= job.runs; run++) {
    const times = await once(tokens, more);
    if (run > 0) tokensPerSecond.push(rate(times));
  }
  return tokensPerSecond;
}

const warmUntil = performance.now() + job.warmUpMs;
do await once(Math.min(64, job.contextLength - 8), 4);
while (performance.now() < warmUntil);
const prefill = [];
for (const tokens of job.prefill)
  prefill.push({
    tokens,
    tokensPerSecond: await runs(tokens, 0, ({ prefillMs }) => (1000 * tokens) / prefillMs),
  });
const decode = [];
for (const at of job.decodeAt) {
  const rate = (/** @type {{ decodeMs: number }} */ { decodeMs }) => (1000 * job.decodeTokens) / decodeMs;
  decode.push({ context: at, tokensPerSecond: await runs(Math.max(1, at), job.decodeTokens, rate) });
}
const devices = llama.gpu ? await llama.getGpuDeviceNames() : [];
const on = devices.length > 0 ? `${llama.gpu}: ${devices.join(", ")}` : `CPU, ${llama.cpuMathCores} cores`;
process.stdout.write(`${JSON.stringify({ on, prefill, decode })}\n`, () => process.exit(0));
