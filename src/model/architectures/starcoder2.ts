import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** StarCoder 2 (Lozhkov et al. 2024): LayerNorm, biases everywhere, and an MLP without a gate. */
export const starcoder2: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm", "layer"),
    attention: layer.attention({ rope }),
    mlpNorm: layer.norm("ffn_norm", "layer"),
    mlp: layer.mlp({ gate: "gelu", gating: "none" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding, { kind: "layer" }),
  };
};
