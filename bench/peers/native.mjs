// Times native llama.cpp through node-llama-cpp, in a process of its own that bench/lib/peers.mjs starts: node native.mjs
// JOB.json. What it does and its result go there as messages.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promptIds } from "../lib/prompt.mjs";
import { allRuns } from "./runs.mjs";

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
 * From an empty cache: the rate of the prompt with its first token, and of the tokens after it.
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
  return { prefill: (1000 * tokens) / (first - started), decode: (1000 * more) / (last - first) };
}

const result = await allRuns(job, once, part => process.send?.({ part }));
const devices = llama.gpu ? await llama.getGpuDeviceNames() : [];
const on = devices.length > 0 ? `${llama.gpu}: ${devices.join(", ")}` : `CPU, ${llama.cpuMathCores} cores`;
process.send?.({ result: { on, ...result } }, () => process.exit(0));
