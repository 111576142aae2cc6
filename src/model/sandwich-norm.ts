import type { AttentionWeights, MlpWeights, NormWeights } from "./layer-reader.ts";
import type { ProgramBuilder } from "./program.ts";

export interface SandwichNormLayer {
  attentionNorm: NormWeights;
  attention: AttentionWeights;
  postAttentionNorm: NormWeights;
  mlpNorm: NormWeights;
  mlp: MlpWeights;
  postMlpNorm: NormWeights;
}

/**
 * Layers with norms before and after each branch (Ding et al. 2021):
 *
 *     x += norm(attention(norm(x)))
 *     x += norm(mlp(norm(x)))
 */
export function sandwichNorm(p: ProgramBuilder, layers: readonly SandwichNormLayer[]): void {
  for (const { attentionNorm, attention, postAttentionNorm, mlpNorm, mlp, postMlpNorm } of layers) {
    p.addNormed(p.attention(attention, p.normed(attentionNorm)), postAttentionNorm);
    p.addNormed(p.mlp(mlp, p.normed(mlpNorm)), postMlpNorm);
  }
}
