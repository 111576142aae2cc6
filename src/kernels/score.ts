import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";

export interface ScoreShape {
  /** V. */
  vocabularySize: number;
}

export interface ScoreBuffers {
  /** `[T, V]`, f32. */
  logits: GPUBuffer;
  /** `[T]`, u32: the id that follows each row. */
  targets: GPUBuffer;
  /** `[T]`, f32: log-probability of the target; NaN where the row or the target cannot be used. */
  out: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/** Log-probability (natural logarithm) of a target id in every row of logits. */
export function score(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: ScoreShape,
  buffers: ScoreBuffers,
): Promise<Dispatch> {
  return pipelines.dispatch(
    "score",
    { shader: "score", constants: { V: shape.vocabularySize, THREADS: gpu.software ? 32 : 256 } },
    { 0: buffers.logits, 1: buffers.targets, 2: buffers.out, 8: buffers.state },
    rows => [rows, 1, 1],
  );
}
