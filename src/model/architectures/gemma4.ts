import type { Architecture } from "../architecture.ts";
import { COLUMN_MULTIPLE, multiple, unsupportedShape } from "../hyperparameters.ts";
import { type AttentionWeights, readNorm } from "../layer-reader.ts";
import type { ModelReader } from "../model-reader.ts";
import type { LayerInputs } from "../program.ts";

/**
 * Gemma 4 (Google DeepMind 2026). Layers with a window and layers that see all have head widths and RoPE of their own; scores are
 * not scaled; values are normed too. In the small models each layer has a small input of its own for each token, and the last
 * layers read keys and values of the last layer of their kind that has any. In the others, large ones, layers that see all
 * take keys for values, and with experts these stand beside a dense MLP.
 */
export const gemma4: Architecture = model => {
  const { keys, shape } = model;
  const rope = model.rope();
  const localDim = keys.number("attention.key_length_swa", keys.number("attention.key_length"));
  const localRope = model.rope({
    base: keys.number("rope.freq_base_swa", 10_000),
    dim: keys.number("rope.dimension_count_swa", localDim),
    scaled: false,
  });
  const embedding = model.embedding();
  const window = model.window();
  const inputs = layerInputs(model);
  const ownKeys = shape.layers - keys.number("attention.shared_kv_layers", 0);
  const last: Record<"local" | "global", AttentionWeights | undefined> = {
    local: undefined,
    global: undefined,
  };
  const layers = model.layers((layer, index) => {
    const kind = keys.flagOfLayer("attention.sliding_window_pattern", index) ? "local" : "global";
    const attention = layer.attention({
      ...(kind === "local" ? { rope: localRope, window, headDim: localDim } : { rope }),
      scale: 1,
      qkNorm: { kind: "rms", over: "head", values: true },
      keysOf: index < ownKeys ? undefined : last[kind],
    });
    if (index < ownKeys) last[kind] = attention;
    return {
      attentionNorm: layer.norm("attn_norm"),
      attention,
      postAttentionNorm: layer.norm("post_attention_norm"),
      mlpNorm: layer.norm("ffn_norm"),
      mlp: layer.mlp({ gate: "gelu" }),
      sparse:
        keys.number("expert_count", 0) > 0
          ? {
              postMlpNorm: layer.norm("post_ffw_norm_1"),
              // without scales but for those of its own, and then by the root of the width
              routerNorm: layer.norm("ffn_gate_inp", "rms", shape.hidden, "scale"),
              expertsNorm: layer.norm("pre_ffw_norm_2"),
              experts: layer.experts({
                gate: "gelu",
                weighting: "over-chosen",
                logitScale: 1 / Math.sqrt(shape.hidden),
              }),
              postExpertsNorm: layer.norm("post_ffw_norm_2"),
            }
          : undefined,
      postNorm: layer.norm("post_ffw_norm"),
      input: inputs && {
        gate: layer.matrix("inp_gate", inputs.width, shape.hidden),
        output: layer.matrix("proj", shape.hidden, inputs.width),
        postNorm: layer.norm("post_norm"),
      },
      scale: layer.optionalVector("layer_output_scale.weight", 1),
    };
  });
  return {
    forward(p) {
      p.embed(embedding, { scale: Math.sqrt(shape.hidden) });
      const own = inputs && p.layerInputs(inputs);
      for (const [index, layer] of layers.entries()) {
        const { attention, sparse, input, scale } = layer;
        p.addNormed(p.attention(attention, p.normed(layer.attentionNorm)), layer.postAttentionNorm);
        let branch = p.mlp(layer.mlp, p.normed(layer.mlpNorm));
        if (sparse) {
          const chosen = p.route(sparse.experts, p.normed(sparse.routerNorm));
          const experts = p.experts(sparse.experts, p.normed(sparse.expertsNorm), chosen);
          branch = p.sumOfNormed([
            [branch, sparse.postMlpNorm],
            [experts, sparse.postExpertsNorm],
          ]);
        }
        p.addNormed(branch, layer.postNorm, input ? undefined : scale);
        if (input && own) {
          const { width } = inputs;
          p.addNormed(p.gatedInput(input, own, shape.layers * width, index * width), input.postNorm, scale);
        }
      }
    },
    output: { ...model.output(embedding), cap: keys.number("final_logit_softcapping", 30) || undefined },
  };
};

/** undefined where the model has none. */
function layerInputs({ keys, shape, tensors }: ModelReader): LayerInputs | undefined {
  const { layers, hidden, vocabulary } = shape;
  const width = keys.number("embedding_length_per_layer_input", 0);
  if (width === 0) return undefined;
  const problems = multiple("embedding_length_per_layer_input", width, COLUMN_MULTIPLE);
  if (problems.length > 0) throw unsupportedShape(problems);
  return {
    table: tensors.matrix("per_layer_token_embd", vocabulary, layers * width),
    projection: tensors.matrix("per_layer_model_proj", layers * width, hidden),
    norm: readNorm(tensors, keys, "per_layer_proj_norm", "rms", width),
    width,
    layers,
    scale: Math.SQRT1_2,
  };
}
