import type { Pipelines, Step } from "../gpu/step.ts";
import { type Weight, weightBindings, weightLayout } from "./weights.ts";

export interface EmbedBuffers {
  /** Token ids `[T]`, u32. */
  tokens: GPUBuffer;
  /** Output `[T, D]`, f32. */
  x: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

const THREADS = 32;

/** Looks tokens up: `x[t] = weight[tokens[t]]`, zeros for an id past the vocabulary. `weight` is `[V, D]`. */
export function embed(pipelines: Pipelines, weight: Weight, buffers: EmbedBuffers): Promise<Step> {
  const { type, rows, columns } = weight;
  return pipelines.step(
    "embed",
    {
      shader: "embed",
      imports: { weights: weightLayout(type, rows, columns).module },
      constants: { K: columns, V: rows, THREADS },
    },
    { ...weightBindings(weight), 2: buffers.tokens, 3: buffers.x, 8: buffers.state },
    tokens => [Math.ceil(columns / 8 / THREADS), tokens, 1],
  );
}
