import type { Architecture } from "../architecture.ts";

/**
 * Qwen 3.5 (Alibaba 2026): three of four layers mix positions by a gated delta net (Yang et al. 2025), the fourth by attention
 * with QK-norm, partial RoPE and a gate on each head's result. Norms hold their "1 +". The position's sections of M-RoPE are
 * all the same in text. The file calls the norm before the MLP `post_attention_norm`.
 */
export const qwen35: Architecture = model => {
  const { keys } = model;
  const rope = model.rope();
  const embedding = model.embedding();
  const interval = keys.number("full_attention_interval", 4);
  const layers = model.layers((layer, index) => {
    const recurrent = keys.flagOfLayer("attention.recurrent_layers", index, (index + 1) % interval !== 0);
    return {
      mixerNorm: layer.norm("attn_norm"),
      delta: recurrent ? layer.deltaNet() : undefined,
      attention: recurrent
        ? undefined
        : layer.attention({ rope, qkNorm: { kind: "rms", over: "head" }, gated: true }),
      mlpNorm: layer.norm("post_attention_norm"),
      mlp: layer.mlp({ gate: "silu" }),
    };
  });
  return {
    forward(p) {
      p.embed(embedding);
      for (const { mixerNorm, delta, attention, mlpNorm, mlp } of layers) {
        const input = p.normed(mixerNorm);
        if (delta) p.add(p.deltaNet(delta, input));
        if (attention) p.add(p.attention(attention, input));
        p.add(p.mlp(mlp, p.normed(mlpNorm)));
      }
    },
    output: model.output(embedding),
  };
};
