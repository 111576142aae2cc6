import type { Architecture } from "../architecture.ts";
import { preNorm } from "../pre-norm.ts";

/** Every fourth layer has no position embedding. No key says so. */
const NOPE_EVERY = 4;

/** SmolLM3 (Bakouch et al. 2025): Llama with NoPE layers (Yang et al. 2025, "RoPE to NoPE and back again"). */
export const smollm3: Architecture = model => {
  const rope = model.rope();
  const embedding = model.embedding();
  const layers = model.layers((layer, index) => ({
    attentionNorm: layer.norm("attn_norm"),
    attention: layer.attention({
      rope: (index + 1) % NOPE_EVERY === 0 ? undefined : rope,
      pairing: "adjacent",
    }),
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
