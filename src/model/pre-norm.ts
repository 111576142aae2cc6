import type { AttentionWeights, ExpertsWeights, MlpWeights, NormWeights } from "./layer-reader.ts";
import type { ProgramBuilder } from "./program.ts";

export interface PreNormLayer {
  attentionNorm: NormWeights;
  attention: AttentionWeights;
  mlpNorm: NormWeights;
  /** One of the two. */
  mlp?: MlpWeights | undefined;
  experts?: ExpertsWeights | undefined;
}

/**
 * Layers as most decoders have them (pre-norm, Xiong et al. 2020):
 *
 *     x += scale * attention(norm(x))
 *     x += scale * mlp(norm(x)), or a mixture of experts
 */
export function preNorm(p: ProgramBuilder, layers: readonly PreNormLayer[], scale = 1): void {
  for (const { attentionNorm, attention, mlpNorm, mlp, experts } of layers) {
    p.add(p.attention(attention, p.normed(attentionNorm)), scale);
    const input = p.normed(mlpNorm);
    if (mlp) p.add(p.mlp(mlp, input), scale);
    if (experts) p.add(p.experts(experts, input), scale);
  }
}
