import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import type { Vector } from "./vector.ts";

export interface HeadGateShape {
  heads: number;
  /** Elements of a head, a multiple of 4. */
  headDim: number;
  /** Where gates stand: elements of a row, of the first head's place in it, and from one head to the next; multiples of 4. */
  gates: { stride: number; first: number; step: number };
  /** RMSNorm of each head first, with one scale `[headDim]` for all, and SiLU as the gate; without it, sigmoid. */
  epsilon?: number | undefined;
}

export interface HeadGateBuffers {
  /** `[T, stride]`, f32. */
  gates: GPUBuffer;
  /** Scale of the norm; without a norm any vector. */
  weight: Vector;
  /** `[T, heads * headDim]`, f32; in place. */
  y: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

const THREADS = 32;

/** Gates each head's result in place: a sigmoid (gated attention), or SiLU after a norm (gated delta net). */
export function headGate(
  pipelines: Pipelines,
  { heads, headDim, gates: { stride, first, step }, epsilon }: HeadGateShape,
  { gates, weight, y, state }: HeadGateBuffers,
): Promise<Dispatch> {
  if ([headDim, stride, first, step].some(size => size % 4 !== 0))
    throw new RangeError(`head-gate: heads of ${headDim}, gates at ${first} + ${step} of ${stride}`);
  const constants = {
    HEAD_DIM: headDim,
    NORMED: epsilon === undefined ? 0 : 1,
    EPS: epsilon ?? 0,
    WEIGHT_AT: weight.at,
    STRIDE: stride,
    FIRST: first,
    STEP: step,
    THREADS,
  };
  return pipelines.dispatch(
    "head-gate",
    { shader: "head-gate", constants },
    { 0: gates, 2: y, 3: weight.buffer, 8: state },
    rows => [heads, rows, 1],
  );
}
