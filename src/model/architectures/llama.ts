import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/**
 * Llama (Touvron et al. 2023; grouped-query attention as in Llama 2 70B and all of Llama 3), and what is built alike:
 * Mistral, SmolLM2, TinyLlama, Yi; with experts instead of the MLP Mixtral (Jiang et al. 2024).
 *
 *     x = embedding[token]
 *     for each layer:
 *       q, k, v = rope(norm(x) Wqkv)
 *       x += attention(q, k, v) Wo
 *       x += (silu(norm(x) Wgate) * norm(x) Wup) Wdown
 *     logits = norm(x) Wout
 */
export const llama: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope, pairing: "adjacent" }),
    mlpNorm: layer.norm("ffn_norm"),
    ...(model.keys.number("expert_count", 0) > 0
      ? { experts: layer.experts({ gate: "silu", weighting: "over-chosen" }) }
      : { mlp: layer.mlp({ gate: "silu" }) }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
