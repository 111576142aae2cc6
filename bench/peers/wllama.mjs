// Times wllama (llama.cpp in wasm, on WebGPU where it finds one). Runs in the page that bench/lib/peers.mjs opens; rates
// are llama.cpp's own, which leave out the way to JavaScript. It takes text, not ids: so the prompt is of about as many tokens.
import { allRuns, wordPrompts } from "./runs.mjs";

/** Lines of its log that an error quotes. */
const LOG_LINES = 4;

/** @param {import("../lib/peers.mjs").PageJob} job @param {import("../lib/peers.mjs").OnPart} onPart */
export async function run(job, onPart) {
  /** @type {string[]} */
  const lines = [];
  try {
    return await measure(job, onPart, lines);
  } catch (error) {
    throw new Error(`${String(error)}; its log ends: ${lines.slice(-LOG_LINES).join(" | ")}`);
  }
}

/**
 * It falls back to the CPU without an error: its log says on what it runs, and why not on the GPU.
 * @param {readonly string[]} lines
 */
function whatRan(lines) {
  const find = (/** @type {RegExp} */ wanted) => lines.map(line => wanted.exec(line)?.[0]).find(Boolean);
  const offloaded = find(/offloaded [1-9]\d*\/\d+ layers to GPU/);
  const adapter = find(/(?<=adapter_info: ).*/);
  // llama.cpp says so only where a GPU's backend is there
  if (offloaded) return `WebGPU${adapter ? `: ${adapter}` : ""}, ${offloaded}`;
  return `CPU (${find(/ggml_webgpu: .*/) ?? "its log names no GPU"})`;
}

/**
 * @param {import("../lib/peers.mjs").PageJob} job
 * @param {import("../lib/peers.mjs").OnPart} onPart
 * @param {string[]} lines takes its log
 */
async function measure(job, onPart, lines) {
  const base = new URL("/node_modules/@wllama/wllama/esm/", location.href).href;
  const { Wllama } = await import(`${base}index.js`);
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
  /** @param {string} prompt @param {number} count */
  const complete = async (prompt, count) => {
    const options = { prompt, max_tokens: count, temperature: 0, ignore_eos: true, cache_prompt: false };
    const { timings } = await wllama.createCompletion(options);
    if (timings.predicted_n < count)
      throw new Error(`it ended after ${timings.predicted_n} of ${count} tokens`);
    return timings;
  };
  const promptOf = await wordPrompts(async text => (await complete(text, 1)).prompt_n);
  /** @param {number} tokens @param {number} more */
  const once = async (tokens, more) => {
    const timings = await complete(promptOf(tokens), 1 + more);
    return { prefill: timings.prompt_per_second, decode: timings.predicted_per_second };
  };
  const result = await allRuns(job, once, onPart);
  const on = `${whatRan(lines)}, ${wllama.getNumThreads()} threads, llama.cpp ${Wllama.getLibllamaVersion()}, a prompt of words`;
  await wllama.exit();
  return { on, ...result };
}
