import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/**
 * gpt-oss (OpenAI 2025): experts with biases and a clamped SwiGLU, a learned sink in every head's softmax, a sliding window
 * on every other layer, the first included. The file calls the norm before the experts `post_attention_norm`.
 */
export const gptOss: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const window = model.window();
  const layers = model.layers((layer, index) => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope, sinks: true, window: index % 2 === 0 ? window : undefined }),
    mlpNorm: layer.norm("post_attention_norm"),
    experts: layer.experts({ gate: "swiglu-oai", weighting: "over-chosen" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
