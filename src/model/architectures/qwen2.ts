import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Qwen2 (Yang et al. 2024): Llama with biases on queries, keys and values, and RoPE over halves. */
export const qwen2: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope }),
    mlpNorm: layer.norm("ffn_norm"),
    mlp: layer.mlp({ gate: "silu" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
