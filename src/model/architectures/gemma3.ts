import type { Architecture } from "../architecture.ts";
import { sandwichNorm } from "../sandwich-norm.ts";

/** Every sixth layer sees the whole context. */
const GLOBAL_EVERY = 6;
/** Query scaling of the 27B model: by hidden / heads instead of by the head's width. No key says so. */
const LAYERS_OF_27B = 62;

/**
 * Gemma 3 (Gemma Team 2025): five layers with a sliding window and a RoPE of their own to one with the whole context;
 * QK-norm instead of Gemma 2's soft caps.
 */
export const gemma3: Architecture = model => {
  const { keys, shape } = model;
  const global = model.rope();
  const local = model.rope({ base: keys.number("rope.freq_base_swa", 10_000), scaled: false });
  const embedding = model.embedding();
  const window = model.window();
  const scaleOf27B = 1 / Math.sqrt(shape.hidden / keys.ofLayer("attention.head_count", 0));
  const layers = model.layers((layer, index) => {
    const isGlobal = (index + 1) % GLOBAL_EVERY === 0;
    return {
      attentionNorm: layer.norm("attn_norm"),
      attention: layer.attention({
        rope: isGlobal ? global : local,
        window: isGlobal ? undefined : window,
        qkNorm: { kind: "rms", over: "head" },
        ...(shape.layers === LAYERS_OF_27B ? { scale: scaleOf27B } : {}),
      }),
      postAttentionNorm: layer.norm("post_attention_norm"),
      mlpNorm: layer.norm("ffn_norm"),
      mlp: layer.mlp({ gate: "gelu" }),
      postMlpNorm: layer.norm("post_ffw_norm"),
    };
  });
  return {
    forward(p) {
      p.embed(embedding, { scale: Math.sqrt(shape.hidden) });
      sandwichNorm(p, layers);
    },
    output: { ...model.output(embedding), cap: keys.number("final_logit_softcapping", 0) || undefined },
  };
};
