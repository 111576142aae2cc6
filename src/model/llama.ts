import type { Weight } from "../kernels/weights.ts";
import type { ProgramBuilder } from "./program.ts";

/** Part of [Q | K | V] or [gate | up]: the whole where the types of its tensors agree. */
export interface WeightRun {
  weight: Weight;
  firstRow: number;
}

export interface LlamaLayer {
  attentionNorm: GPUBuffer;
  qkv: readonly WeightRun[];
  attentionOutput: Weight;
  feedForwardNorm: GPUBuffer;
  gateUp: readonly WeightRun[];
  down: Weight;
}

export interface LlamaWeights {
  embedding: Weight;
  layers: readonly LlamaLayer[];
  outputNorm: GPUBuffer;
  output: Weight;
}

/**
 * The Llama architecture (Touvron et al. 2023; grouped-query attention as in Llama 2 70B and all of Llama 3, SmolLM2):
 *
 *     x = embedding[token]
 *     for each layer:
 *       q, k, v = rope(norm(x) Wqkv)
 *       x += attention(q, k, v) Wo
 *       x += (silu(norm(x) Wgate) * norm(x) Wup) Wdown
 *     logits = norm(x) Wout
 *
 * The same lines build the prefill and the decode program; the builder knows which.
 */
export function llamaLayers(p: ProgramBuilder, weights: LlamaWeights): void {
  const { x, q, attended, gated } = p.scratch;
  p.embed(weights.embedding, x);
  weights.layers.forEach((layer, index) => {
    const attentionInput = p.normed(x, layer.attentionNorm);
    for (const { weight, firstRow } of layer.qkv)
      p.project(weight, attentionInput, p.qkv(index, firstRow, q));
    p.attention(index, q, attended);
    p.project(layer.attentionOutput, p.plain(attended), { kind: "add", y: x });

    const mlpInput = p.normed(x, layer.feedForwardNorm);
    const [first, second] = layer.gateUp;
    if (second) {
      p.project(first!.weight, mlpInput, { kind: "store", y: gated });
      p.project(second.weight, mlpInput, { kind: "gated", y: gated });
    } else {
      p.project(first!.weight, mlpInput, { kind: "glu", y: gated });
    }
    p.project(layer.down, p.plain(gated), { kind: "add", y: x });
  });
}

/** Logits of the batch's last token into `logits [vocabulary]`. */
export function llamaLastLogits(p: ProgramBuilder, weights: LlamaWeights, logits: GPUBuffer): void {
  p.lastLogits(weights.output, weights.outputNorm, p.scratch.x, logits);
}

/** Logits of all tokens of a prefill batch into `logits [T, vocabulary]`. */
export function llamaAllLogits(p: ProgramBuilder, weights: LlamaWeights, logits: GPUBuffer): void {
  p.project(weights.output, p.normed(p.scratch.x, weights.outputNorm), { kind: "store", y: logits });
}
