// Times Transformers.js on an ONNX model of the caller's, on WebGPU. Decode is what 1 + n tokens take more than one.
import { promptIds } from "../lib/prompt.mjs";
import { allRuns } from "./runs.mjs";

/** In order of preference: what `onnx/` may hold. @type {[string, string][]} */
const FILES = [
  ["model_q4f16.onnx", "q4f16"],
  ["model_q4.onnx", "q4"],
  ["model_fp16.onnx", "fp16"],
  ["model.onnx", "fp32"],
];

/** @param {import("../lib/peers.mjs").PageJob} job */
export async function run(job) {
  const packages = new URL("/node_modules/", location.href).href;
  const { AutoModelForCausalLM, Tensor, env } = await import(
    `${packages}@huggingface/transformers/dist/transformers.web.js`
  );
  env.allowRemoteModels = false;
  env.localModelPath = new URL("/", location.href).href;
  env.backends.onnx.wasm.wasmPaths = `${packages}onnxruntime-web/dist/`;
  const [, dtype] = FILES.find(([file]) => job.modelFiles.some(path => path.endsWith(file))) ?? [];
  if (!dtype) throw new Error(`the folder has none of ${FILES.map(([file]) => `onnx/${file}`).join(", ")}`);
  const model = await AutoModelForCausalLM.from_pretrained("own-model", { device: "webgpu", dtype });
  /** @param {number} tokens @param {number} count */
  const generate = async (tokens, count) => {
    const shape = [1, tokens];
    const ids = BigInt64Array.from(promptIds(tokens, job.vocabularySize), BigInt);
    const started = performance.now();
    await model.generate({
      input_ids: new Tensor("int64", ids, shape),
      attention_mask: new Tensor("int64", new BigInt64Array(tokens).fill(1n), shape),
      min_new_tokens: count,
      max_new_tokens: count,
      do_sample: false,
    });
    return performance.now() - started;
  };
  const result = await allRuns(job, async (tokens, more) => {
    const first = await generate(tokens, 1);
    const all = more > 0 ? await generate(tokens, 1 + more) : first;
    return { prefill: (1000 * tokens) / first, decode: (1000 * more) / (all - first) };
  });
  await model.dispose();
  return { on: `WebGPU, its own model in ${dtype}`, ...result };
}
