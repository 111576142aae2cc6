import type { Architecture } from "../architecture.ts";
import type { ExpertsWeights, LayerReader, MlpWeights } from "../layer-reader.ts";

type Mlp = (layer: LayerReader) => { mlp?: MlpWeights; experts?: ExpertsWeights };

/**
 * Qwen 3.5 (Alibaba 2026): three of four layers mix positions by a gated delta net (Yang et al. 2025), the fourth by attention
 * with QK-norm, partial RoPE and a gate on each head's result. Norms hold their "1 +". The sections of M-RoPE all turn by the same
 * position in text. The file calls the norm before the MLP `post_attention_norm`.
 */
const hybrid =
  (mlpOf: Mlp): Architecture =>
  model => {
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
        ...mlpOf(layer),
      };
    });
    return {
      forward(p) {
        p.embed(embedding);
        for (const { mixerNorm, delta, attention, mlpNorm, mlp, experts } of layers) {
          const input = p.normed(mixerNorm);
          if (delta) p.add(p.deltaNet(delta, input));
          if (attention) p.add(p.attention(attention, input));
          const mixed = p.normed(mlpNorm);
          if (mlp) p.add(p.mlp(mlp, mixed));
          if (experts) p.add(p.experts(experts, mixed));
        }
      },
      output: model.output(embedding),
    };
  };

export const qwen35 = hybrid(layer => ({ mlp: layer.mlp({ gate: "silu" }) }));

/** With a mixture of experts, and a gated shared one for every token. */
export const qwen35moe = hybrid(layer => ({
  experts: layer.experts({ gate: "silu", weighting: "over-chosen" }),
}));
