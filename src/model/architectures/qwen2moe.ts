import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Qwen2-MoE (Yang et al. 2024): Qwen2 with experts, and a shared one for every token. */
export const qwen2moe: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope }),
    mlpNorm: layer.norm("ffn_norm"),
    experts: layer.experts({ gate: "silu", weighting: "over-all" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
