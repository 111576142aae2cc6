import type { Architecture } from "../architecture.ts";

/** OLMo 2 (OLMo Team 2025): norms after attention and MLP and none before; QK-norm over all heads together. */
export const olmo2: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attention: layer.attention({ rope, qkNorm: { kind: "rms", over: "all-heads" } }),
    postAttentionNorm: layer.norm("post_attention_norm"),
    mlp: layer.mlp({ gate: "silu" }),
    postMlpNorm: layer.norm("post_ffw_norm"),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      for (const { attention, postAttentionNorm, mlp, postMlpNorm } of layers) {
        p.addNormed(p.attention(attention, p.plain()), postAttentionNorm);
        p.addNormed(p.mlp(mlp, p.plain()), postMlpNorm);
      }
    },
    output: model.output(embedding),
  };
};
