import type { Architecture } from "../architecture.ts";

/** With a sliding window, every fourth layer sees the whole context. */
const GLOBAL_EVERY = 4;

/**
 * OLMo 2 (OLMo Team 2025): norms after attention and MLP and none before; QK-norm over all heads together. OLMo 3 comes
 * under the same name, with sliding windows whose layers leave RoPE unscaled.
 */
export const olmo2: Architecture = model => {
  const embedding = model.embedding();
  const window = model.window(0);
  const rope = model.rope();
  const local = window ? model.rope({ scaled: false }) : rope;
  const layers = model.layers((layer, index) => {
    const isGlobal = !window || (index + 1) % GLOBAL_EVERY === 0;
    return {
      attention: layer.attention({
        rope: isGlobal ? rope : local,
        window: isGlobal ? undefined : window,
        qkNorm: { kind: "rms", over: "all-heads" },
      }),
      postAttentionNorm: layer.norm("post_attention_norm"),
      mlp: layer.mlp({ gate: "silu" }),
      postMlpNorm: layer.norm("post_ffw_norm"),
    };
  });
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
