import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { type QkvPlaces, qkvPlaceCode } from "./epilogue.ts";
import type { NormKind } from "./norm.ts";
import { type Vector, vectorBuffer } from "./vector.ts";

/** Norms of queries and keys between their projection and RoPE. */
export interface QkNorm {
  kind: NormKind;
  /** Scales of queries and keys: `[headDim]`, or `[heads, headDim]` where each head has its own. */
  q: Vector;
  /** undefined where there are no keys. */
  k: Vector | undefined;
  /** Each head has its own scales. */
  own: boolean;
  /** The mean is taken over all heads together, not over one. */
  whole: boolean;
  /** Behind each head's query stands a gate of as many elements, which is left alone. Default false. */
  gated?: boolean;
  /** Values are normed too, without scales; RMSNorm alone. */
  values?: boolean | undefined;
  epsilon: number;
}

export interface QkNormBuffers {
  /** `[T, (heads + 2 * kvHeads) * headDim]`, f32, with gates `[T, 2 * (heads + kvHeads) * headDim]`: the projection's result; less where it is `given`. */
  qkv: GPUBuffer;
  /** What follows the queries. Default both. */
  given?: KvGiven | undefined;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/** Sides of a layer's cache that its own projection fills: both; keys that are also the values; none, they are another layer's. */
export type KvGiven = { sides: 2 } | { sides: 1; paired: number } | { sides: 0 };

const THREADS = 32;

/** Norms and rotates queries and keys, and puts queries, keys and values where attention wants them. */
export function qkNorm(
  pipelines: Pipelines,
  gpu: Gpu,
  norm: QkNorm,
  places: QkvPlaces,
  { qkv, given = { sides: 2 }, state }: QkNormBuffers,
): Promise<Dispatch> {
  const { imports, constants, bindings } = qkvPlaceCode(places, gpu.f16);
  const flag = (value: boolean): number => (value ? 1 : 0);
  return pipelines.dispatch(
    "qk-norm",
    {
      shader: "qk-norm",
      imports,
      constants: {
        ...constants,
        THREADS,
        EPS: norm.epsilon,
        Q_STEP: places.headDim * (norm.gated ? 2 : 1),
        Q_NORM_AT: norm.q.at,
        K_NORM_AT: norm.k?.at ?? 0,
        OWN: flag(norm.own),
        WHOLE: flag(norm.whole),
        CENTRED: flag(norm.kind === "layer"),
        NORM_VALUES: flag(norm.values === true),
        SIDES: given.sides,
        PAIRED: given.sides === 1 ? given.paired : 0,
      },
    },
    { 0: qkv, 3: vectorBuffer([norm.q, norm.k])!, ...bindings, 8: state },
    rows => [places.heads + (given.sides > 0 ? 2 * places.kvHeads : 0), rows, 1],
  );
}
