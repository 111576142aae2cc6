import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** OLMoE (Muennighoff et al. 2024): many small experts; QK-norm over all heads together. */
export const olmoe: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope, qkNorm: { kind: "rms", over: "all-heads" } }),
    mlpNorm: layer.norm("ffn_norm"),
    experts: layer.experts({ gate: "silu", weighting: "over-all" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
