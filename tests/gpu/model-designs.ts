// What each architecture is made of, for models made in code: as its paper and the files of it have it, not as `src/model`
// says it.
import type { DecoderShape, RopeReference } from "../reference/decoder.ts";

export type Architecture =
  | "llama"
  | "qwen2"
  | "qwen3"
  | "gemma"
  | "gemma2"
  | "gemma3"
  | "phi3"
  | "smollm3"
  | "olmo2"
  | "granite"
  | "starcoder2"
  | "stablelm";

export interface Sizes {
  hidden: number;
  heads: number;
  contextLength: number;
  ropeDim: number;
  ropeBase: number;
  ropeFactor?: number;
  ropeFactors?: readonly number[];
}

export interface Design {
  /** Norms of a layer that are as wide as the model, by their names in the file. */
  norms: readonly string[];
  shape: Pick<DecoderShape, "rope"> & Partial<DecoderShape>;
  biases?: "qkv" | "all";
  /** Queries, keys and values in one tensor. */
  fused?: boolean;
  /** Metadata without the architecture's prefix. */
  keys?: Record<string, unknown>;
  /** RoPE's divisors, by tensor. */
  factors?: Record<string, readonly number[]>;
}

const PRE = ["attn_norm", "ffn_norm"];
const POST = ["post_attention_norm", "post_ffw_norm"];
/** Shorter than a block of the KV cache. */
const WINDOW = 11;

function ropeOf(sizes: Sizes, pairing: "adjacent" | "halves"): RopeReference {
  const { ropeBase: base, ropeDim: dim, ropeFactor: factor = 1, ropeFactors: divisors } = sizes;
  return { base, dim, pairing, factor, divisors };
}

export const DESIGNS: Readonly<Record<Architecture, (sizes: Sizes) => Design>> = {
  llama: sizes => ({ norms: PRE, shape: { rope: () => ropeOf(sizes, "adjacent") } }),
  qwen2: sizes => ({ norms: PRE, biases: "qkv", shape: { rope: () => ropeOf(sizes, "halves") } }),
  qwen3: sizes => ({ norms: PRE, shape: { rope: () => ropeOf(sizes, "halves"), qkNorm: "head" } }),
  gemma: sizes => ({
    norms: PRE,
    shape: { rope: () => ropeOf(sizes, "halves"), gate: "gelu", embeddingScale: Math.sqrt(sizes.hidden) },
  }),
  gemma2: sizes => ({
    norms: [...PRE, ...POST],
    keys: {
      "attention.sliding_window": WINDOW,
      attn_logit_softcapping: 2.5,
      final_logit_softcapping: 7.5,
    },
    shape: {
      rope: () => ropeOf(sizes, "halves"),
      gate: "gelu",
      embeddingScale: Math.sqrt(sizes.hidden),
      window: layer => (layer % 2 === 0 ? WINDOW : undefined),
      scoreCap: 2.5,
      logitCap: 7.5,
    },
  }),
  gemma3: sizes => ({
    norms: [...PRE, ...POST],
    keys: { "attention.sliding_window": WINDOW },
    shape: {
      rope: layer => {
        const global = ropeOf(sizes, "halves");
        return layer % 6 === 5 ? global : { ...global, base: 10_000, factor: 1 };
      },
      gate: "gelu",
      embeddingScale: Math.sqrt(sizes.hidden),
      window: layer => (layer % 6 === 5 ? undefined : WINDOW),
      qkNorm: "head",
    },
  }),
  phi3: sizes => {
    const short = Array.from({ length: sizes.ropeDim / 2 }, (_, pair) => 1 + pair / 10);
    const long = short.map(factor => 2 * factor);
    return {
      norms: PRE,
      fused: true,
      factors: { rope_factors_short: short, rope_factors_long: long },
      keys: { "rope.scaling.original_context_length": 32, "rope.scaling.attn_factor": 1.25 },
      shape: {
        gating: "fused",
        // contexts here are longer than the original one
        rope: () => ({ ...ropeOf(sizes, "halves"), divisors: Float32Array.from(long), magnitude: 1.25 }),
      },
    };
  },
  smollm3: sizes => ({
    norms: PRE,
    shape: { rope: layer => (layer % 4 === 3 ? undefined : ropeOf(sizes, "adjacent")) },
  }),
  olmo2: sizes => ({
    norms: POST,
    shape: { rope: () => ropeOf(sizes, "halves"), qkNorm: "all-heads" },
  }),
  granite: sizes => ({
    norms: PRE,
    keys: { "attention.scale": 0.17, residual_scale: 0.22, embedding_scale: 6.5, logit_scale: 1.75 },
    shape: {
      rope: () => ropeOf(sizes, "adjacent"),
      scoreScale: 0.17,
      branchScale: 0.22,
      embeddingScale: 6.5,
      logitScale: 1 / 1.75,
    },
  }),
  starcoder2: sizes => ({
    norms: PRE,
    biases: "all",
    shape: { rope: () => ropeOf(sizes, "halves"), norm: "layer", gate: "gelu", gating: "none" },
  }),
  stablelm: sizes => ({
    // as the 12B model has it
    norms: ["attn_norm"],
    shape: { rope: () => ropeOf(sizes, "halves"), norm: "layer", qkNorm: "own-head", parallel: true },
  }),
};
