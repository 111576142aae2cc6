import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Gemma (Gemma Team 2024): scaled embedding, GELU gate. The files hold the norms' scales with their "+ 1". */
export const gemma: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope }),
    mlpNorm: layer.norm("ffn_norm"),
    mlp: layer.mlp({ gate: "gelu" }),
  }));
  return {
    forward(p) {
      p.embed(embedding, { scale: Math.sqrt(model.shape.hidden) });
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
