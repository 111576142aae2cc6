import type { Architecture } from "../architecture.ts";

/**
 * Granite 4 (IBM 2025): Mamba-2 layers, of which about every tenth attends instead, without position embedding; the multipliers of
 * Granite 3. Layers without key and value heads are Mamba-2. The larger models have a mixture of experts and a shared one.
 */
export const graniteHybrid: Architecture = model => {
  const { keys } = model;
  // which the family's files say under this name
  const rope = keys.flag("rope.scaling.finetuned", true) ? model.rope() : undefined;
  const embedding = model.embedding();
  const scoreScale = keys.number("attention.scale", 0);
  const residualScale = keys.number("residual_scale", 1) || 1;
  const sparse = keys.number("expert_count", 0) > 0;
  const layers = model.layers((layer, index) => {
    const attends = keys.ofLayer("attention.head_count_kv", index) > 0;
    return {
      mixerNorm: layer.norm("attn_norm"),
      mamba: attends ? undefined : layer.mamba2(),
      attention: attends
        ? layer.attention({ rope, pairing: "adjacent", ...(scoreScale > 0 ? { scale: scoreScale } : {}) })
        : undefined,
      mlpNorm: layer.norm("ffn_norm"),
      mlp: sparse ? undefined : layer.mlp({ gate: "silu" }),
      experts: sparse ? layer.experts({ gate: "silu", weighting: "over-chosen" }) : undefined,
    };
  });
  return {
    forward(p) {
      p.embed(embedding, { scale: keys.number("embedding_scale", 1) || 1 });
      for (const { mixerNorm, mamba, attention, mlpNorm, mlp, experts } of layers) {
        const input = p.normed(mixerNorm);
        if (mamba) p.add(p.mamba2(mamba, input), residualScale);
        if (attention) p.add(p.attention(attention, input), residualScale);
        const mixed = p.normed(mlpNorm);
        if (mlp) p.add(p.mlp(mlp, mixed), residualScale);
        if (experts) p.add(p.experts(experts, mixed), residualScale);
      }
    },
    output: { ...model.output(embedding), scale: 1 / (keys.number("logit_scale", 1) || 1) },
  };
};
