// Small random models, made in code: the GGUF file, and the same numbers for the reference.
import { type DecoderShape, type DecoderTensors, decoderReference } from "../reference/decoder.ts";
import { dequantise } from "../reference/dequantise.ts";
import { type TensorSpec, writeGguf } from "../unit/support/gguf-writer.ts";
import { type Architecture, DESIGNS } from "./model-designs.ts";
import { randomNormal, randomSource } from "./support.ts";

/** Types that `encode` can make. */
export type EncodedType = "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0" | "Q4_1";

/** The sizes of a model; what its architecture adds stands in `model-designs.ts`. */
export interface SyntheticSpec {
  /** Default `llama`. */
  architecture?: Architecture;
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  feedForward: number;
  vocabulary: number;
  contextLength: number;
  /** Default: whole heads. */
  ropeDim?: number;
  /** Default 10,000. */
  ropeBase?: number;
  /** Linear scaling. Default 1. */
  ropeFactor?: number;
  /** Llama 3's, as a tensor. */
  ropeFactors?: readonly number[];
  /** Default 1e-5. */
  normEpsilon?: number;
  seed: number;
  /** Type of a tensor by its name in the file. Default F32. */
  typeOf?(name: string): EncodedType;
  /** Without: the embedding is the output matrix too. */
  untied?: boolean;
  metadata?: Record<string, unknown>;
}

export interface SyntheticModel {
  file: Blob;
  /** A sequence in double precision: give it a token, and it gives the logits after it. */
  reference(): (id: number) => Float64Array;
}

export function syntheticModel(spec: SyntheticSpec): SyntheticModel {
  const { architecture = "llama", hidden, heads, kvHeads, headDim, feedForward, vocabulary } = spec;
  const { normEpsilon = 1e-5, ropeDim = headDim, ropeBase = 10_000 } = spec;
  const sizes = { ...spec, normEpsilon, ropeDim, ropeBase };
  const design = DESIGNS[architecture](sizes);
  const random = randomSource(spec.seed);
  const tensors: TensorSpec[] = [];
  const values = new Map<string, Float32Array>();
  const put = (name: string, dims: number[], numbers: Float32Array<ArrayBuffer>): void => {
    const type = spec.typeOf?.(name) ?? "F32";
    const data = encode(type, numbers);
    tensors.push({ name, type, dims, data });
    values.set(name, dequantise(type, data, numbers.length / dims[0]!, dims[0]!));
  };
  const matrix = (name: string, rows: number, columns: number, spread = 1 / Math.sqrt(columns)): void => {
    put(`${name}.weight`, [columns, rows], randomNormal(random, rows * columns, spread));
    const biased = design.biases === "all" || (design.biases === "qkv" && /attn_[qkv]$/.test(name));
    if (biased && name.startsWith("blk.")) put(`${name}.bias`, [rows], randomNormal(random, rows, 0.3));
  };
  const scale = (name: string, dims: number[]): void => {
    const count = dims.reduce((product, size) => product * size, 1);
    const numbers = randomNormal(random, count, 0.2).map(value => 1 + value);
    put(`${name}.weight`, dims, numbers);
  };
  const norm = (name: string): void => {
    scale(name, [hidden]);
    if (design.shape.norm === "layer") put(`${name}.bias`, [hidden], randomNormal(random, hidden, 0.2));
  };

  matrix("token_embd", vocabulary, hidden, 0.5);
  for (let layer = 0; layer < spec.layers; layer++) {
    const at = (name: string): string => `blk.${layer}.${name}`;
    for (const name of design.norms) norm(at(name));
    if (design.fused) matrix(at("attn_qkv"), (heads + 2 * kvHeads) * headDim, hidden);
    else {
      matrix(at("attn_q"), heads * headDim, hidden);
      matrix(at("attn_k"), kvHeads * headDim, hidden);
      matrix(at("attn_v"), kvHeads * headDim, hidden);
    }
    const { qkNorm, gating = "separate" } = design.shape;
    for (const [name, count] of [
      ["attn_q_norm", heads],
      ["attn_k_norm", kvHeads],
    ] as const) {
      const dims = { head: [headDim], "own-head": [headDim, count], "all-heads": [headDim * count] };
      if (qkNorm) scale(at(name), dims[qkNorm]);
    }
    matrix(at("attn_output"), hidden, heads * headDim);
    if (gating === "separate") matrix(at("ffn_gate"), feedForward, hidden);
    matrix(at("ffn_up"), (gating === "fused" ? 2 : 1) * feedForward, hidden);
    matrix(at("ffn_down"), hidden, feedForward);
  }
  norm("output_norm");
  if (spec.untied) matrix("output", vocabulary, hidden, 4 / Math.sqrt(hidden));
  const factors = { ...design.factors, ...(spec.ropeFactors && { rope_freqs: spec.ropeFactors }) };
  for (const [name, numbers] of Object.entries(factors)) {
    put(`${name}.weight`, [numbers.length], Float32Array.from(numbers));
  }
  const keys: Record<string, unknown> = {
    block_count: spec.layers,
    context_length: spec.contextLength,
    embedding_length: hidden,
    feed_forward_length: feedForward,
    "attention.head_count": heads,
    "attention.head_count_kv": kvHeads,
    "attention.key_length": headDim,
    "attention.value_length": headDim,
    "attention.layer_norm_rms_epsilon": normEpsilon,
    "attention.layer_norm_epsilon": normEpsilon,
    "rope.freq_base": ropeBase,
    "rope.dimension_count": ropeDim,
    ...(spec.ropeFactor ? { "rope.scaling.type": "linear", "rope.scaling.factor": spec.ropeFactor } : {}),
    ...design.keys,
  };
  const metadata = {
    "general.architecture": architecture,
    "general.name": "synthetic",
    ...Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value])),
    ...vocabularyOf(vocabulary),
    ...spec.metadata,
  };
  const shape: DecoderShape = { ...sizes, ...design.shape };
  const known: DecoderTensors = values;
  return {
    file: new Blob([new Uint8Array(writeGguf({ metadata, tensors }))]),
    reference: () => decoderReference(shape, known),
  };
}

/** A SentencePiece vocabulary of letters that nobody will read. */
function vocabularyOf(size: number): Record<string, unknown> {
  const special = ["<unk>", "<s>", "</s>"];
  const tokens = Array.from({ length: size }, (_, id) => special[id] ?? String.fromCodePoint(0x4e00 + id));
  return {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.scores": tokens.map((_, id) => -id - 0.5),
    "tokenizer.ggml.token_type": tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : 1)),
  };
}

/** Numbers as the bytes of a GGUF tensor, rounded somehow: what they became, `dequantise` says. */
function encode(type: EncodedType, numbers: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const blockBytes = { F32: 4, F16: 2, BF16: 2, Q8_0: 34, Q4_0: 18, Q4_1: 20 }[type];
  const blockSize = type.startsWith("Q") ? 32 : 1;
  const bytes = new Uint8Array((numbers.length / blockSize) * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < numbers.length / blockSize; block++) {
    const at = block * blockBytes;
    const part = numbers.subarray(block * blockSize, (block + 1) * blockSize);
    const largest = Math.max(...part.map(Math.abs));
    const least = Math.min(...part);
    const code = (i: number, scale: number, zero: number): number => Math.round((part[i]! - zero) / scale);
    if (type === "F32") view.setFloat32(at, part[0]!, true);
    if (type === "BF16") view.setUint16(at, bitsOf(part[0]!) >>> 16, true);
    if (type === "F16") view.setUint16(at, toHalf(part[0]!), true);
    if (type === "Q8_0") {
      view.setUint16(at, toHalf(largest / 127), true);
      for (let i = 0; i < 32; i++) {
        view.setInt8(at + 2 + i, Math.max(-128, Math.min(127, code(i, largest / 127, 0))));
      }
    }
    if (type === "Q4_0" || type === "Q4_1") {
      const header = type === "Q4_0" ? 2 : 4;
      const scale = type === "Q4_0" ? largest / 7 : (Math.max(...part) - least) / 15;
      const zero = type === "Q4_0" ? -8 * scale : least;
      view.setUint16(at, toHalf(scale), true);
      if (type === "Q4_1") view.setUint16(at + 2, toHalf(least), true);
      const nibble = (i: number): number => Math.max(0, Math.min(15, code(i, scale, zero)));
      for (let i = 0; i < 16; i++) bytes[at + header + i] = nibble(i) | (nibble(i + 16) << 4);
    }
  }
  return bytes;
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** Half precision, cut off; too small becomes 0. */
function toHalf(value: number): number {
  const bits = bitsOf(value);
  const exponent = ((bits >>> 23) & 255) - 112;
  return ((bits >>> 16) & 0x8000) | (exponent <= 0 ? 0 : (exponent << 10) | ((bits >>> 13) & 1023));
}
