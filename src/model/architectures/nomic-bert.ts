import type { Architecture } from "../architecture.ts";
import { postNorm } from "../post-norm.ts";

/** Nomic BERT (Nussbaum et al. 2024): BERT with RoPE instead of learned positions, SwiGLU, and no biases. */
export const nomicBert: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const types = model.table("token_types");
  const embeddingNorm = model.norm("token_embd_norm", "layer");
  const layers = model.layers(layer => ({
    attention: layer.attention({ rope, causal: false }),
    attentionNorm: layer.norm("attn_output_norm", "layer"),
    mlp: layer.mlp({ gate: "silu" }),
    mlpNorm: layer.norm("layer_output_norm", "layer"),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      if (types) p.embed(types, { row: "first", add: true });
      p.replaceByNormed(embeddingNorm);
      postNorm(p, layers);
    },
    output: undefined,
  };
};
