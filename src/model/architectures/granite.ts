import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Granite (IBM 2024): Llama with multipliers on embedding, scores, branches, and a divisor of the logits. */
export const granite: Architecture = model => {
  const { keys } = model;
  const rope = model.rope();
  const embedding = model.embedding();
  const scoreScale = keys.number("attention.scale", 0);
  const residualScale = keys.number("residual_scale", 1) || 1;
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({
      rope,
      pairing: "adjacent",
      ...(scoreScale > 0 ? { scale: scoreScale } : {}),
    }),
    mlpNorm: layer.norm("ffn_norm"),
    mlp: layer.mlp({ gate: "silu" }),
  }));
  return {
    forward(p) {
      p.embed(embedding, { scale: keys.number("embedding_scale", 1) || 1 });
      preNorm(p, layers, residualScale);
    },
    output: { ...model.output(embedding), scale: 1 / (keys.number("logit_scale", 1) || 1) },
  };
};
