import type { Architecture } from "../architecture.ts";

/**
 * LFM2 (Liquid AI 2025): most layers mix positions by a gated short convolution, the others by attention with QK-norm;
 * layers without key and value heads are convolutions. The file calls the final norm `token_embd_norm`.
 */
export const lfm2: Architecture = model => {
  const { keys } = model;
  const rope = model.rope();
  const embedding = model.embedding();
  const taps = keys.number("shortconv.l_cache");
  const layers = model.layers((layer, index) => ({
    mixerNorm: layer.norm("attn_norm"),
    convolution: keys.ofLayer("attention.head_count_kv", index) === 0 ? layer.shortConv(taps) : undefined,
    attention:
      keys.ofLayer("attention.head_count_kv", index) > 0
        ? layer.attention({ rope, qkNorm: { kind: "rms", over: "head" } })
        : undefined,
    mlpNorm: layer.norm("ffn_norm"),
    mlp: layer.mlp({ gate: "silu" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      for (const { mixerNorm, convolution, attention, mlpNorm, mlp } of layers) {
        const input = p.normed(mixerNorm);
        if (convolution) p.add(p.shortConv(convolution, input));
        if (attention) p.add(p.attention(attention, input));
        p.add(p.mlp(mlp, p.normed(mlpNorm)));
      }
    },
    output: model.output(embedding, { norm: "token_embd_norm" }),
  };
};
