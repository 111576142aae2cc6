import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Qwen3-MoE (Yang et al. 2025): Qwen3 with experts, none of them shared. */
export const qwen3moe: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope, qkNorm: { kind: "rms", over: "head" } }),
    mlpNorm: layer.norm("ffn_norm"),
    experts: layer.experts({ gate: "silu", weighting: "over-chosen" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
