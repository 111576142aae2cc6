// Times WebLLM on an MLC model of the caller's. It takes text, not ids: so the prompt is of about as many tokens, and its
// rates are its own, over the tokens that it counted.
import { allRuns, wordPrompts } from "./runs.mjs";

/** @param {import("../lib/peers.mjs").PageJob} job */
export async function run(job) {
  const { CreateMLCEngine } = await import(
    new URL("/node_modules/@mlc-ai/web-llm/lib/index.js", location.href).href
  );
  const library = job.modelFiles.find(file => file.endsWith(".wasm"));
  if (!library) throw new Error("the folder has no .wasm library beside the model");
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
  const result = await allRuns(job, async (tokens, more) => {
    const { extra } = await complete(promptOf(tokens), 1 + more);
    return { prefill: extra.prefill_tokens_per_s, decode: extra.decode_tokens_per_s };
  });
  return { on: `WebGPU ${await engine.getGPUVendor()}, its own model, a prompt of words`, ...result };
}
