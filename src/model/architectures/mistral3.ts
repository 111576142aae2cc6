import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Ministral 3 (Mistral AI 2025): Llama with YaRN, and queries that grow with their position beyond the original context. */
export const mistral3: Architecture = model => {
  const { keys, shape } = model;
  const rope = model.rope();
  const embedding = model.embedding();
  const temperature = {
    scale: keys.number("attention.temperature_scale", 0),
    original: keys.number("rope.scaling.original_context_length", shape.contextLength),
  };
  const layers = model.layers(layer => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({ rope, pairing: "adjacent", temperature }),
    mlpNorm: layer.norm("ffn_norm"),
    mlp: layer.mlp({ gate: "silu" }),
  }));
  return {
    forward(p) {
      p.embed(embedding);
      preNorm(p, layers);
    },
    output: model.output(embedding),
  };
};
