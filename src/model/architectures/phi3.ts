import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Phi-3 (Abdin et al. 2024): fused projections, partial RoPE, and LongRoPE's factors for long contexts. */
export const phi3: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const window = model.window(0);
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope, window }),
    mlpNorm: layer.norm("ffn_norm"),
    mlp: layer.mlp({ gate: "silu", gating: "fused" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
