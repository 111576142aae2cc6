import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { type Vector, vectorBuffer } from "./vector.ts";

/** Which norm: RMSNorm (Zhang & Sennrich 2019), or LayerNorm (Ba et al. 2016), which subtracts the mean first. */
export type NormKind = "rms" | "layer";

/** A norm with its learned numbers. */
export interface Norm {
  kind: NormKind;
  /** Scale `[size]`. */
  weight: Vector;
  /** `[size]` */
  bias?: Vector | undefined;
  epsilon: number;
}

export interface NormBuffers {
  /** Input `[T, size]`, f32. */
  x: GPUBuffer;
  /** Output `[T, size]`, f32; may not be `x`. */
  y: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

export interface NormOptions {
  /** Factor on a norm that is added. Default: it replaces what is there. */
  add?: number | undefined;
  /** `[1]`: a factor on the sum, where the norm is added. */
  scale?: Vector | undefined;
  /** Parts of `size` elements that a row has, each with a norm of its own. Default 1. */
  parts?: number;
  /** The scale is `[parts * size]`: each part has its own. Default false. */
  ownScales?: boolean;
}

/** Threads of a row, by the elements of each: few rows take as long as one (8 of 2,048: 3.5 us, with 32 threads 9, on an H200). */
const THREADS = { least: 32, most: 256, elements: 8 };

/**
 * Norm of every row of `size` elements (a multiple of 4): `y = norm(x)`, or `y = scale * (y + add * norm(x))` where `add` is given.
 */
export function normalise(
  pipelines: Pipelines,
  gpu: Gpu,
  { kind, weight, bias, epsilon }: Norm,
  size: number,
  { x, y, state }: NormBuffers,
  { add, scale, parts = 1, ownScales = false }: NormOptions = {},
): Promise<Dispatch> {
  const { least, most, elements } = THREADS;
  const wanted = gpu.software ? least : 2 ** Math.floor(Math.log2(size / elements));
  const constants: Record<string, number> = {
    D: size,
    EPS: epsilon,
    THREADS: Math.max(least, Math.min(most, wanted)),
    WEIGHT_AT: weight.at,
    CENTRED: kind === "layer" ? 1 : 0,
    OWN: ownScales ? 1 : 0,
    ADD: add === undefined ? 0 : 1,
    SCALE: add ?? 1,
  };
  if (bias) constants.BIAS_AT = bias.at;
  if (scale) constants.ROW_SCALE_AT = scale.at;
  const imports = {
    bias: bias ? "bias-vector" : "bias-none",
    "row-scale": scale ? "row-scale-vector" : "row-scale-one",
  };
  return pipelines.dispatch(
    "norm",
    { shader: "norm", imports, constants },
    { 0: x, 2: y, 3: vectorBuffer([weight, bias, scale])!, 8: state },
    rows => [rows, parts, 1],
  );
}
