// Small random llama models, made in code: the GGUF file, and the same numbers for the reference.
import { dequantise } from "../reference/dequantise.ts";
import type { LlamaShape, LlamaValues } from "../reference/llama.ts";
import { type TensorSpec, writeGguf } from "../unit/support/gguf-writer.ts";
import { randomNormal, randomSource } from "./support.ts";

/** Types that `encode` can make. */
export type EncodedType = "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0" | "Q4_1";

export interface SyntheticSpec extends LlamaShape {
  layers: number;
  contextLength: number;
  seed: number;
  /** Type of a tensor by its name in the file. */
  typeOf(name: string): EncodedType;
  /** Without: the embedding is the output matrix too. */
  untied: boolean;
  ropeFactors?: readonly number[];
  metadata?: Record<string, unknown>;
}

export interface SyntheticModel {
  file: Blob;
  values: LlamaValues;
}

export function syntheticLlama(spec: SyntheticSpec): SyntheticModel {
  const { hidden, heads, kvHeads, headDim, feedForward, vocabulary } = spec;
  const random = randomSource(spec.seed);
  const tensors: TensorSpec[] = [];
  const put = (
    name: string,
    rows: number,
    columns: number,
    numbers: Float32Array<ArrayBuffer>,
  ): Float32Array => {
    const type = spec.typeOf(name);
    const data = encode(type, numbers);
    tensors.push({ name, type, dims: rows === 1 ? [columns] : [columns, rows], data });
    return dequantise(type, data, rows, columns);
  };
  const matrix = (
    name: string,
    rows: number,
    columns: number,
    spread = 1 / Math.sqrt(columns),
  ): Float32Array => put(name, rows, columns, randomNormal(random, rows * columns, spread));
  const norm = (name: string): Float32Array =>
    put(
      name,
      1,
      hidden,
      randomNormal(random, hidden, 0.2).map(value => 1 + value),
    );

  const embedding = matrix("token_embd.weight", vocabulary, hidden, 0.5);
  const layers = Array.from({ length: spec.layers }, (_, index) => {
    const at = (name: string): string => `blk.${index}.${name}.weight`;
    return {
      attentionNorm: norm(at("attn_norm")),
      q: matrix(at("attn_q"), heads * headDim, hidden),
      k: matrix(at("attn_k"), kvHeads * headDim, hidden),
      v: matrix(at("attn_v"), kvHeads * headDim, hidden),
      attentionOutput: matrix(at("attn_output"), hidden, heads * headDim),
      feedForwardNorm: norm(at("ffn_norm")),
      gate: matrix(at("ffn_gate"), feedForward, hidden),
      up: matrix(at("ffn_up"), feedForward, hidden),
      down: matrix(at("ffn_down"), hidden, feedForward),
    };
  });
  const outputNorm = norm("output_norm.weight");
  const output = spec.untied ? matrix("output.weight", vocabulary, hidden, 4 / Math.sqrt(hidden)) : embedding;
  const values: LlamaValues = { embedding, layers, outputNorm, output };
  if (spec.ropeFactors) {
    values.ropeFactors = put("rope_freqs.weight", 1, spec.ropeDim / 2, Float32Array.from(spec.ropeFactors));
  }
  const metadata = {
    "general.architecture": "llama",
    "general.name": "synthetic",
    "llama.block_count": spec.layers,
    "llama.context_length": spec.contextLength,
    "llama.embedding_length": hidden,
    "llama.feed_forward_length": feedForward,
    "llama.attention.head_count": heads,
    "llama.attention.head_count_kv": kvHeads,
    "llama.attention.key_length": headDim,
    "llama.attention.value_length": headDim,
    "llama.attention.layer_norm_rms_epsilon": spec.normEpsilon,
    "llama.rope.freq_base": spec.ropeBase,
    "llama.rope.dimension_count": spec.ropeDim,
    ...vocabularyOf(vocabulary),
    ...spec.metadata,
  };
  return { file: new Blob([new Uint8Array(writeGguf({ metadata, tensors }))]), values };
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
