import type { Architecture } from "../architecture.ts";
import { sandwichNorm } from "../sandwich-norm.ts";

/** Query scaling of the 27B model: by hidden / heads instead of by the head's width. No key says so. */
const LAYERS_OF_27B = 46;

/**
 * Gemma 2 (Gemma Team 2024): norms before and after each branch, soft caps on scores and logits, a sliding window on
 * every other layer, the first included.
 */
export const gemma2: Architecture = model => {
  const { keys, shape } = model;
  const rope = model.rope();
  const embedding = model.embedding();
  const window = model.window(4096);
  const softcap = keys.number("attn_logit_softcapping", 50) || undefined;
  const scaleOf27B = 1 / Math.sqrt(shape.hidden / keys.ofLayer("attention.head_count", 0));
  const layers = model.layers((layer, index) => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({
      rope,
      softcap,
      window: index % 2 === 0 ? window : undefined,
      ...(shape.layers === LAYERS_OF_27B ? { scale: scaleOf27B } : {}),
    }),
    postAttentionNorm: layer.norm("post_attention_norm"),
    mlpNorm: layer.norm("ffn_norm"),
    mlp: layer.mlp({ gate: "gelu" }),
    postMlpNorm: layer.norm("post_ffw_norm"),
  }));
  return {
    forward(p) {
      p.embed(embedding, { scale: Math.sqrt(shape.hidden) });
      sandwichNorm(p, layers);
    },
    output: { ...model.output(embedding), cap: keys.number("final_logit_softcapping", 30) || undefined },
  };
};
