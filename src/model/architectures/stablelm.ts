import type { Architecture } from "../architecture.ts";

/**
 * StableLM (Bellagente et al. 2024): LayerNorm, partial RoPE. The 12B model norms the queries and keys of each head with
 * scales of its own, and its MLP reads what attention reads (parallel residual: no norm of its own).
 */
export const stablelm: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm", "layer"),
    attention: layer.attention({
      rope,
      ...(layer.has("attn_q_norm.weight") ? { qkNorm: { kind: "layer", over: "own-head" } as const } : {}),
    }),
    mlpNorm: layer.has("ffn_norm.weight") ? layer.norm("ffn_norm", "layer") : undefined,
    mlp: layer.mlp({ gate: "silu" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      for (const { attentionNorm, attention, mlpNorm, mlp } of layers) {
        const input = p.normed(attentionNorm);
        const attended = p.attention(attention, input);
        if (mlpNorm) {
          p.add(attended);
          p.add(p.mlp(mlp, p.normed(mlpNorm)));
        } else {
          const activated = p.mlp(mlp, input);
          p.add(attended);
          p.add(activated);
        }
      }
    },
    output: model.output(embedding, { kind: "layer" }),
  };
};
