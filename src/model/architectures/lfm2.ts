import type { Architecture } from "../architecture.ts";

/**
 * LFM2 (Liquid AI 2025): most layers mix positions by a gated short convolution, the others by attention with QK-norm;
 * layers without key and value heads are convolutions. The file calls the final norm `token_embd_norm`. LFM2-MoE: all but the
 * first layers have experts, which a sigmoid scores.
 */
export const lfm2: Architecture = model => {
  const { keys, shape } = model;
  const rope = model.rope();
  const embedding = model.embedding();
  const taps = keys.number("shortconv.l_cache");
  const dense =
    keys.number("expert_count", 0) > 0 ? keys.number("leading_dense_block_count", 0) : shape.layers;
  const layers = model.layers((layer, index) => ({
    mixerNorm: layer.norm("attn_norm"),
    convolution: keys.ofLayer("attention.head_count_kv", index) === 0 ? layer.shortConv(taps) : undefined,
    attention:
      keys.ofLayer("attention.head_count_kv", index) > 0
        ? layer.attention({ rope, qkNorm: { kind: "rms", over: "head" } })
        : undefined,
    mlpNorm: layer.norm("ffn_norm"),
    mlp: index < dense ? layer.mlp({ gate: "silu" }) : undefined,
    experts:
      index < dense
        ? undefined
        : layer.experts({ gate: "silu", weighting: "over-chosen", scores: "sigmoid" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      for (const { mixerNorm, convolution, attention, mlpNorm, mlp, experts } of layers) {
        const input = p.normed(mixerNorm);
        if (convolution) p.add(p.shortConv(convolution, input));
        if (attention) p.add(p.attention(attention, input));
        const branch = p.normed(mlpNorm);
        if (mlp) p.add(p.mlp(mlp, branch));
        if (experts) p.add(p.experts(experts, branch));
      }
    },
    output: model.output(embedding, { norm: "token_embd_norm" }),
  };
};
