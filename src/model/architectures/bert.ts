import type { Architecture } from "../architecture.ts";
import { postNorm } from "../post-norm.ts";

/**
 * BERT (Devlin et al. 2019), as embedding model or reranker: each position sees all, LayerNorm after each branch, learned
 * positions, biases everywhere. Texts are one segment: every token has the first type.
 */
export const bert: Architecture = model => {
  const embedding = model.embedding();
  const types = model.table("token_types");
  const positions = model.table("position_embd");
  const embeddingNorm = model.norm("token_embd_norm", "layer");
  const layers = model.layers(layer => ({
    attention: layer.attention({ rope: undefined, causal: false }),
    attentionNorm: layer.norm("attn_output_norm", "layer"),
    mlp: layer.mlp({ gate: "gelu-erf", gating: "none" }),
    mlpNorm: layer.norm("layer_output_norm", "layer"),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      if (types) p.embed(types, { row: "first", add: true });
      if (positions) p.embed(positions, { row: "position", add: true });
      p.replaceByNormed(embeddingNorm);
      postNorm(p, layers);
    },
    output: undefined,
  };
};
