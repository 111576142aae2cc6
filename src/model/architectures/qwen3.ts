import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Qwen3 (Yang et al. 2025): RMSNorm of each head's queries and keys before RoPE, no biases. */
export const qwen3: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope, qkNorm: { kind: "rms", over: "head" } }),
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
