import type { AttentionWeights, MlpWeights, NormWeights } from "./layer-reader.ts";
import type { ProgramBuilder } from "./program.ts";

export interface PostNormLayer {
  attention: AttentionWeights;
  attentionNorm: NormWeights;
  mlp: MlpWeights;
  mlpNorm: NormWeights;
}

/**
 * Layers as the first transformer has them (post-norm, Vaswani et al. 2017):
 *
 *     x = norm(x + attention(x))
 *     x = norm(x + mlp(x))
 */
export function postNorm(p: ProgramBuilder, layers: readonly PostNormLayer[]): void {
  for (const { attention, attentionNorm, mlp, mlpNorm } of layers) {
    p.add(p.attention(attention, p.plain()));
    p.replaceByNormed(attentionNorm);
    p.add(p.mlp(mlp, p.plain()));
    p.replaceByNormed(mlpNorm);
  }
}
