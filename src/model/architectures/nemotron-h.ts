import type { Architecture } from "../architecture.ts";
import { unsupportedShape } from "../hyperparameters.ts";
import type { ExpertsOptions } from "../layer-reader.ts";

/**
 * Nemotron-H and Nemotron 3 Nano (NVIDIA 2025): a layer is one of three, attention without position embedding, an MLP of squared ReLU
 * without a gate, or Mamba-2. With experts, all MLPs are mixtures, which a sigmoid scores, and a shared one.
 */
export const nemotronH: Architecture = model => {
  const { keys } = model;
  const embedding = model.embedding();
  const sparse = keys.number("expert_count", 0) > 0;
  const mixture: ExpertsOptions = {
    gate: "relu2",
    gating: "none",
    weighting: "over-chosen",
    scores: "sigmoid",
    scale: keys.number("expert_weights_scale", 1) || 1,
  };
  if (sparse && !keys.flag("expert_weights_norm", true))
    throw unsupportedShape(["expert_weights_norm is false: experts' weights that do not sum to 1"]);
  const layers = model.layers((layer, index) => {
    const attends = keys.ofLayer("attention.head_count_kv", index) > 0;
    const feeds = !attends && keys.ofLayer("feed_forward_length", index) > 0;
    return {
      norm: layer.norm("attn_norm"),
      attention: attends ? layer.attention({ rope: undefined }) : undefined,
      mlp: feeds && !sparse ? layer.mlp({ gate: "relu2", gating: "none" }) : undefined,
      experts: feeds && sparse ? layer.experts(mixture) : undefined,
      mamba: attends || feeds ? undefined : layer.mamba2(),
    };
  });
  return {
    forward(p) {
      p.embed(embedding);
      for (const { norm, mamba, attention, mlp, experts } of layers) {
        const input = p.normed(norm);
        if (mamba) p.add(p.mamba2(mamba, input));
        if (attention) p.add(p.attention(attention, input));
        if (mlp) p.add(p.mlp(mlp, input));
        if (experts) p.add(p.experts(experts, input));
      }
    },
    output: model.output(embedding),
  };
};
