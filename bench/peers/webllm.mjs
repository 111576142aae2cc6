// Times WebLLM on an MLC model of the caller's. It takes text, not ids: so the prompt is of about as many tokens, and its
// rates are its own, over the tokens that it counted.
import { allRuns, wordPrompts } from "./runs.mjs";

/** What mlc_llm's convert_weight, gen_config and compile write. @param {string[]} modelFiles */
function checkFolder(modelFiles) {
  const library = modelFiles.find(file => file.endsWith(".wasm"));
  const missing = [
    ...["mlc-chat-config.json", "ndarray-cache.json"].filter(file => !modelFiles.includes(file)),
    ...(library ? [] : ["a model library (.wasm)"]),
  ];
  if (!library || missing.length > 0) throw new Error(`the folder lacks ${missing.join(", ")}`);
  return library;
}

/** @param {import("../lib/peers.mjs").PageJob} job @param {import("../lib/peers.mjs").OnPart} onPart */
export async function run(job, onPart) {
  const library = checkFolder(job.modelFiles);
  const { CreateMLCEngine } = await import(
    new URL("/node_modules/@mlc-ai/web-llm/lib/index.js", location.href).href
  );
  const model = new URL("/own-model/resolve/main/", location.href).href;
  const engine = await CreateMLCEngine(
    "own-model",
    { appConfig: { model_list: [{ model, model_id: "own-model", model_lib: model + library }] } },
    { context_window_size: job.contextLength },
  );
  /** @param {string} prompt @param {number} count */
  const complete = async (prompt, count) => {
    await engine.resetChat();
    const options = { prompt, max_tokens: count, temperature: 0, ignore_eos: true };
    return (await engine.completions.create(options)).usage;
  };
  const promptOf = await wordPrompts(async text => (await complete(text, 1)).prompt_tokens);
  /** @param {number} tokens @param {number} more */
  const once = async (tokens, more) => {
    const { extra } = await complete(promptOf(tokens), 1 + more);
    return { prefill: extra.prefill_tokens_per_s, decode: extra.decode_tokens_per_s };
  };
  const result = await allRuns(job, once, onPart);
  return { on: `WebGPU ${await engine.getGPUVendor()}, its own model, a prompt of words`, ...result };
}
