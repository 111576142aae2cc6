// Times wllama (llama.cpp in wasm, on WebGPU where it finds one). Runs in the page that bench/lib/peers.mjs opens; rates
// are llama.cpp's own, which leave out the way to JavaScript.
import { promptIds } from "../lib/prompt.mjs";
import { allRuns } from "./runs.mjs";

/** @param {import("../lib/peers.mjs").PageJob} job */
export async function run(job) {
  const base = new URL("/node_modules/@wllama/wllama/esm/", location.href).href;
  const { Wllama } = await import(`${base}index.js`);
  /** @type {string[]} */
  const lines = [];
  const note = (/** @type {unknown[]} */ ...parts) => void lines.push(parts.join(" "));
  const wllama = new Wllama(
    { default: `${base}wasm/wllama.wasm` },
    { logger: { debug: note, log: note, warn: note, error: note } },
  );
  const blob = await (await fetch(job.file)).blob();
  await wllama.loadModel([blob], {
    n_ctx: job.contextLength,
    n_batch: 512,
    n_gpu_layers: 999,
    flash_attn: true,
    warmup: false,
  });
  const result = await allRuns(job, async (tokens, more) => {
    const { timings } = await wllama.createCompletion({
      prompt: promptIds(tokens, job.vocabularySize),
      max_tokens: 1 + more,
      temperature: 0,
      ignore_eos: true,
      cache_prompt: false,
    });
    if (timings.prompt_n < tokens || timings.predicted_n < 1 + more)
      throw new Error(
        `it computed ${timings.prompt_n} + ${timings.predicted_n} of ${tokens} + ${1 + more} tokens`,
      );
    return { prefill: timings.prompt_per_second, decode: timings.predicted_per_second };
  });
  const offloaded = lines.map(line => /offloaded \d+\/\d+ layers to GPU/.exec(line)?.[0]).find(Boolean);
  const on = `${wllama.isSupportWebGPU() && offloaded ? `WebGPU, ${offloaded}` : "CPU"}, ${wllama.getNumThreads()} threads, llama.cpp ${Wllama.getLibllamaVersion()}`;
  await wllama.exit();
  return { on, ...result };
}
