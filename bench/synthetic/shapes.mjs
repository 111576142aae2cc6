// The shapes of well-known models: what their GGUF files state and which tensors they hold. No weights.

/**
 * @typedef {object} Shape
 * @property {string} name
 * @property {"llama" | "qwen2" | "qwen3" | "gemma3" | "granitehybrid"} architecture
 * @property {number} layers
 * @property {number} hidden width of the residual stream
 * @property {number} heads query heads
 * @property {number} kvHeads
 * @property {number} headDim
 * @property {number} feedForward
 * @property {number} vocabulary
 * @property {boolean} tied the output shares the token embedding
 * @property {number} ropeBase
 * @property {number} normEpsilon
 * @property {number} contextLength positions that the real model was trained for
 * @property {number} [ropeFactor] Llama 3's scaling, as the tensor rope_freqs.weight
 * @property {number} [slidingWindow]
 * @property {number} [localRopeBase] of the layers with a sliding window
 * @property {Mamba} [mamba] of all layers but those that attend
 * @property {string} preTokenizer llama.cpp's name
 * @property {readonly string[]} controls control tokens, beginning of text first, end of turn second
 */

/**
 * Mamba-2.
 * @typedef {object} Mamba
 * @property {number} heads
 * @property {number} groups
 * @property {number} stateDim
 * @property {number} headDim
 * @property {number} taps
 * @property {readonly number[]} attends layers that attend instead
 */

const LLAMA3 = {
  architecture: /** @type {const} */ ("llama"),
  kvHeads: 8,
  heads: 32,
  vocabulary: 128_256,
  ropeBase: 500_000,
  normEpsilon: 1e-5,
  contextLength: 131_072,
  preTokenizer: "llama-bpe",
  controls: [
    "<|begin_of_text|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
  ],
};
const QWEN = {
  vocabulary: 151_936,
  tied: true,
  ropeBase: 1_000_000,
  normEpsilon: 1e-6,
  preTokenizer: "qwen2",
  controls: ["<|endoftext|>", "<|im_end|>", "<|im_start|>"],
};

/** @type {readonly Shape[]} */
export const SHAPES = [
  {
    name: "SmolLM2-135M",
    architecture: "llama",
    layers: 30,
    hidden: 576,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    feedForward: 1536,
    vocabulary: 49_152,
    tied: true,
    ropeBase: 100_000,
    normEpsilon: 1e-5,
    contextLength: 8192,
    preTokenizer: "smollm",
    controls: ["<|im_start|>", "<|im_end|>", "<|endoftext|>"],
  },
  {
    ...QWEN,
    name: "Qwen2-0.5B",
    architecture: "qwen2",
    layers: 24,
    hidden: 896,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    feedForward: 4864,
    contextLength: 32_768,
  },
  {
    ...LLAMA3,
    name: "Llama-3.2-1B",
    layers: 16,
    hidden: 2048,
    headDim: 64,
    feedForward: 8192,
    tied: true,
    ropeFactor: 32,
  },
  {
    ...LLAMA3,
    name: "Llama-3.1-8B",
    layers: 32,
    hidden: 4096,
    headDim: 128,
    feedForward: 14_336,
    tied: false,
    ropeFactor: 8,
  },
  {
    ...QWEN,
    name: "Qwen3-4B",
    architecture: "qwen3",
    layers: 36,
    hidden: 2560,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    feedForward: 9728,
    contextLength: 40_960,
  },
  {
    name: "Gemma-3-1B",
    architecture: "gemma3",
    layers: 26,
    hidden: 1152,
    heads: 4,
    kvHeads: 1,
    headDim: 256,
    feedForward: 6912,
    vocabulary: 262_144,
    tied: true,
    ropeBase: 1_000_000,
    localRopeBase: 10_000,
    slidingWindow: 512,
    normEpsilon: 1e-6,
    contextLength: 32_768,
    preTokenizer: "default",
    controls: ["<bos>", "<end_of_turn>", "<eos>", "<pad>", "<start_of_turn>"],
  },
  {
    name: "Granite-4.0-H-Micro",
    architecture: "granitehybrid",
    layers: 40,
    hidden: 2048,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    feedForward: 8192,
    vocabulary: 100_352,
    tied: true,
    ropeBase: 10_000,
    normEpsilon: 1e-5,
    contextLength: 131_072,
    mamba: { heads: 64, groups: 1, stateDim: 128, headDim: 64, taps: 4, attends: [5, 15, 25, 35] },
    preTokenizer: "dbrx",
    controls: ["<|start_of_role|>", "<|end_of_text|>", "<|end_of_role|>"],
  },
];

/** Key and value heads of a layer: Mamba-2 has none. @param {Shape} shape @param {number} layer */
export function kvHeadsOf({ kvHeads, mamba }, layer) {
  return mamba && !mamba.attends.includes(layer) ? 0 : kvHeads;
}

/** What a tensor is, which decides its type and the size of its values. @typedef {"embedding" | "output" | "matrix" | "value" | "down" | "norm" | "bias" | "decay" | "rope"} Role */

/**
 * @typedef {object} TensorShape
 * @property {string} name
 * @property {number[]} dims the fastest-moving first, as in the file: `[columns, rows]` for a matrix
 * @property {Role} role
 * @property {number} layer -1 outside of the layers
 */

/**
 * All tensors in the order of the file, named as llama.cpp names them.
 * @param {Shape} shape
 * @returns {TensorShape[]}
 */
export function tensorsOf(shape) {
  const { architecture, layers, hidden, headDim, feedForward, vocabulary, tied } = shape;
  /** @type {TensorShape[]} */
  const tensors = [];
  /** @param {string} name @param {Role} role @param {number[]} dims */
  const add = (name, role, dims, layer = -1) => tensors.push({ name, dims, role, layer });
  add("token_embd.weight", tied ? "output" : "embedding", [hidden, vocabulary]);
  if (shape.ropeFactor) add("rope_freqs.weight", "rope", [headDim / 2]);
  for (let layer = 0; layer < layers; layer++) {
    /** @param {string} name @param {Role} role @param {number[]} dims */
    const at = (name, role, ...dims) => add(`blk.${layer}.${name}`, role, dims, layer);
    at("attn_norm.weight", "norm", hidden);
    if (kvHeadsOf(shape, layer) === 0) addMamba(shape, at);
    else addAttention(shape, at);
    if (architecture === "gemma3") {
      at("post_attention_norm.weight", "norm", hidden);
      at("post_ffw_norm.weight", "norm", hidden);
    }
    at("ffn_norm.weight", "norm", hidden);
    at("ffn_gate.weight", "matrix", hidden, feedForward);
    at("ffn_up.weight", "matrix", hidden, feedForward);
    at("ffn_down.weight", "down", feedForward, hidden);
  }
  add("output_norm.weight", "norm", [hidden]);
  if (!tied) add("output.weight", "output", [hidden, vocabulary]);
  return tensors;
}

/** @typedef {(name: string, role: Role, ...dims: number[]) => void} Add in a layer */

/** @param {Shape} shape @param {Add} at */
function addAttention({ architecture, hidden, heads, kvHeads, headDim }, at) {
  at("attn_q.weight", "matrix", hidden, heads * headDim);
  at("attn_k.weight", "matrix", hidden, kvHeads * headDim);
  at("attn_v.weight", "value", hidden, kvHeads * headDim);
  if (architecture === "qwen2") {
    at("attn_q.bias", "bias", heads * headDim);
    at("attn_k.bias", "bias", kvHeads * headDim);
    at("attn_v.bias", "bias", kvHeads * headDim);
  }
  if (architecture === "qwen3" || architecture === "gemma3") {
    at("attn_q_norm.weight", "norm", headDim);
    at("attn_k_norm.weight", "norm", headDim);
  }
  at("attn_output.weight", "matrix", heads * headDim, hidden);
}

/** @param {Shape} shape @param {Add} at */
function addMamba({ hidden, mamba }, at) {
  if (!mamba) return;
  const { heads, groups, stateDim, headDim, taps } = mamba;
  const inner = heads * headDim;
  const channels = inner + 2 * groups * stateDim;
  at("ssm_in.weight", "matrix", hidden, inner + channels + heads);
  at("ssm_conv1d.weight", "bias", taps, channels);
  at("ssm_conv1d.bias", "bias", channels);
  at("ssm_a", "decay", 1, heads);
  at("ssm_dt.bias", "bias", heads);
  at("ssm_d", "norm", 1, heads);
  at("ssm_norm.weight", "norm", inner / groups, groups);
  at("ssm_out.weight", "matrix", inner, hidden);
}

/**
 * Divisors of RoPE's frequencies as Llama 3.1 defines them: long wavelengths are stretched by `factor`, short ones not,
 * those between in proportion.
 * @param {{ headDim: number, ropeBase: number, ropeFactor?: number }} shape
 * @returns {Float32Array} `[headDim / 2]`
 */
export function ropeFactors({ headDim, ropeBase, ropeFactor = 1 }) {
  const [low, high, trained] = [1, 4, 8192];
  return Float32Array.from({ length: headDim / 2 }, (_, pair) => {
    const wavelength = 2 * Math.PI * ropeBase ** ((2 * pair) / headDim);
    if (wavelength < trained / high) return 1;
    if (wavelength > trained / low) return ropeFactor;
    const smooth = (trained / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / ropeFactor + smooth);
  });
}
