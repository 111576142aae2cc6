import { UnsupportedModelError } from "../errors.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import { getNumber, getString } from "../gguf/metadata.ts";

/** The numbers of a Llama-shaped model, as its file states them. */
export interface Hyperparameters {
  architecture: string;
  layers: number;
  /** Width of the residual stream. */
  hidden: number;
  /** Query heads. */
  heads: number;
  /** Key and value heads; `heads` is a multiple of it (grouped-query attention). */
  kvHeads: number;
  headDim: number;
  /** Width of the gated MLP. */
  feedForward: number;
  vocabulary: number;
  normEpsilon: number;
  /** Base of RoPE's geometric sequence of wavelengths. */
  ropeBase: number;
  /** Positions are divided by this (linear RoPE scaling). */
  ropeFactor: number;
  /** Leading elements of a head that RoPE rotates. */
  ropeDim: number;
  /** Positions that the model was trained for. */
  contextLength: number;
}

/** Kernels read rows of activations as vectors of 4 and weights in units of 8 columns. */
const COLUMN_MULTIPLE = 8;
/** Heads up to this width fit the registers of the attention kernels. */
const MAX_HEAD_DIM = 256;

/**
 * @throws ModelFormatError `bad-gguf` where a key is missing; UnsupportedModelError `shape` or `rope-scaling` where the
 *   numbers are outside of what the kernels do
 */
export function readHyperparameters(file: GgufFile): Hyperparameters {
  const { metadata } = file;
  const architecture = getString(metadata, "general.architecture");
  const key = (name: string): string => `${architecture}.${name}`;
  const number = (name: string, fallback?: number): number => getNumber(metadata, key(name), fallback);
  const hidden = number("embedding_length");
  const heads = number("attention.head_count");
  const headDim = number("attention.key_length", hidden / heads);
  const embedding = file.tensors.find(tensor => tensor.name === "token_embd.weight");
  const model: Hyperparameters = {
    architecture,
    layers: number("block_count"),
    hidden,
    heads,
    kvHeads: number("attention.head_count_kv", heads),
    headDim,
    feedForward: number("feed_forward_length"),
    vocabulary: embedding?.dims[1] ?? 0,
    normEpsilon: number("attention.layer_norm_rms_epsilon"),
    ropeBase: number("rope.freq_base", 10_000),
    ropeFactor: ropeFactor(file, key),
    ropeDim: number("rope.dimension_count", headDim),
    contextLength: number("context_length"),
  };
  checkShape(model, number("attention.value_length", headDim), number("expert_count", 0));
  return model;
}

/** Linear scaling is a factor on positions; Llama 3's own scaling comes as a tensor, `rope_freqs.weight`. */
function ropeFactor(file: GgufFile, key: (name: string) => string): number {
  const { metadata } = file;
  const type = getString(metadata, key("rope.scaling.type"), "linear"); // as llama.cpp has it
  if (type === "none") return 1;
  if (type === "linear") {
    const factor = getNumber(
      metadata,
      key("rope.scaling.factor"),
      getNumber(metadata, key("rope.scale_linear"), 1),
    );
    return factor === 0 ? 1 : factor;
  }
  throw new UnsupportedModelError(
    "rope-scaling",
    `The model scales its rotary embedding by "${type}", which this version does not do. Supported: none, linear, and Llama 3's factors (rope_freqs.weight).`,
    { details: { type } },
  );
}

function checkShape(model: Hyperparameters, valueDim: number, experts: number): void {
  const { layers, hidden, heads, kvHeads, headDim, feedForward, ropeDim, vocabulary } = model;
  const problems: string[] = [];
  const demand = (holds: boolean, text: string): void => {
    if (!holds) problems.push(text);
  };
  const multiple = (name: string, value: number, of: number): void =>
    demand(
      Number.isInteger(value) && value > 0 && value % of === 0,
      `${name} is ${value}, not a multiple of ${of}`,
    );
  multiple("block_count", layers, 1);
  multiple("embedding_length", hidden, COLUMN_MULTIPLE);
  multiple("feed_forward_length", feedForward, COLUMN_MULTIPLE);
  multiple("head_count_kv", kvHeads, 1);
  multiple("head_count", heads, Math.max(1, kvHeads));
  multiple("head dimension", headDim, 4);
  demand(headDim <= MAX_HEAD_DIM, `head dimension is ${headDim}, more than ${MAX_HEAD_DIM}`);
  multiple("head_count x head dimension", heads * headDim, COLUMN_MULTIPLE);
  multiple("rope.dimension_count", ropeDim, 4);
  demand(ropeDim <= headDim, `rope.dimension_count ${ropeDim} exceeds the head dimension ${headDim}`);
  demand(valueDim === headDim, `value_length ${valueDim} differs from key_length ${headDim}`);
  demand(experts === 0, `it is a mixture of ${experts} experts`);
  demand(vocabulary > 0, "token_embd.weight is missing (a vocabulary-only file?)");
  if (problems.length === 0) return;
  throw new UnsupportedModelError(
    "shape",
    `This version cannot run a model of this shape: ${problems.join("; ")}. Supported are dense llama models with such multiples.`,
    { details: { problems } },
  );
}
