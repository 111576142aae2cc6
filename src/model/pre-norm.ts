import type { AttentionWeights, MlpWeights, NormWeights } from "./layer-reader.ts";
import type { ProgramBuilder } from "./program.ts";

export interface PreNormLayer {
  attentionNorm: NormWeights;
  attention: AttentionWeights;
  mlpNorm: NormWeights;
  mlp: MlpWeights;
}

/**
 * Layers as most decoders have them (pre-norm, Xiong et al. 2020):
 *
 *     x += scale * attention(norm(x))
 *     x += scale * mlp(norm(x))
 */
export function preNorm(p: ProgramBuilder, layers: readonly PreNormLayer[], scale = 1): void {
  for (const { attentionNorm, attention, mlpNorm, mlp } of layers) {
    p.add(p.attention(attention, p.normed(attentionNorm)), scale);
    p.add(p.mlp(mlp, p.normed(mlpNorm)), scale);
  }
}
