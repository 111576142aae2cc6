// Times Transformers.js on an ONNX model of the caller's, on WebGPU where there is a GPU, else in wasm on the CPU. It gets
// the same ids as intab; its times are those at which it hands over each token.
import { promptIds } from "../lib/prompt.mjs";
import { allRuns } from "./runs.mjs";

/** What `onnx/` may hold, in order of preference; those in f16 need a GPU that has it. */
const FILES = [
  { file: "model_q4f16.onnx", dtype: "q4f16", f16: true },
  { file: "model_q4.onnx", dtype: "q4", f16: false },
  { file: "model_fp16.onnx", dtype: "fp16", f16: true },
  { file: "model.onnx", dtype: "fp32", f16: false },
];

/**
 * @param {string[]} modelFiles
 * @param {boolean} f16
 */
function chooseType(modelFiles, f16) {
  const held = FILES.filter(({ file }) => modelFiles.includes(`onnx/${file}`));
  if (held.length === 0)
    throw new Error(`the folder has none of ${FILES.map(({ file }) => `onnx/${file}`).join(", ")}`);
  const chosen = held.find(kind => f16 || !kind.f16);
  if (!chosen)
    throw new Error(
      `the folder has ${held.map(({ file }) => `onnx/${file}`).join(", ")} alone, which needs shader-f16; add onnx/model_q4.onnx`,
    );
  return chosen.dtype;
}

/** @param {import("../lib/peers.mjs").PageJob} job @param {import("../lib/peers.mjs").OnPart} onPart */
export async function run(job, onPart) {
  const packages = new URL("/node_modules/", location.href).href;
  // the file with ONNX Runtime in it: transformers.web.js imports it by a name that only a bundler resolves
  const { AutoModelForCausalLM, Tensor, env } = await import(
    `${packages}@huggingface/transformers/dist/transformers.js`
  );
  Object.assign(env, { allowLocalModels: true, allowRemoteModels: false });
  env.localModelPath = new URL("/", location.href).href;
  env.backends.onnx.wasm.wasmPaths = `${packages}onnxruntime-web/dist/`;
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  // its wasm is far faster than its shaders on a CPU that plays a GPU
  const gpu = adapter && !adapter.info.isFallbackAdapter ? adapter : undefined;
  const dtype = chooseType(job.modelFiles, gpu?.features.has("shader-f16") ?? false);
  const device = gpu ? "webgpu" : "wasm";
  const model = await AutoModelForCausalLM.from_pretrained("own-model", { device, dtype });
  /** @param {number} tokens @param {number} more */
  const once = async (tokens, more) => {
    const shape = [1, tokens];
    const ids = BigInt64Array.from(promptIds(tokens, job.vocabularySize), BigInt);
    /** @type {number[]} */
    const times = [];
    const started = performance.now();
    await model.generate({
      input_ids: new Tensor("int64", ids, shape),
      attention_mask: new Tensor("int64", new BigInt64Array(tokens).fill(1n), shape),
      min_new_tokens: 1 + more,
      max_new_tokens: 1 + more,
      do_sample: false,
      // called with the prompt first, then with each token
      streamer: { put: () => times.push(performance.now()), end: () => {} },
    });
    const [, first = Number.NaN] = times;
    if (times.length !== more + 2)
      throw new Error(`it ended after ${times.length - 1} of ${more + 1} tokens`);
    return {
      prefill: (1000 * tokens) / (first - started),
      decode: (1000 * more) / ((times.at(-1) ?? Number.NaN) - first),
    };
  };
  const result = await allRuns(job, once, onPart);
  await model.dispose();
  const on = gpu
    ? `WebGPU: ${gpu.info.vendor} ${gpu.info.architecture}`
    : `CPU, wasm, ${env.backends.onnx.wasm.numThreads} threads`;
  return { on: `${on}, its own model in ${dtype}`, ...result };
}
