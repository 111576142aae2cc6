import type { Pipelines, Step } from "../gpu/step.ts";

export interface RmsNormShape {
  /** Row length, a multiple of 4. */
  size: number;
  epsilon: number;
}

export interface RmsNormBuffers {
  /** Input `[T, size]`, f32. */
  x: GPUBuffer;
  /** Scale `[size]`, f32. */
  weight: GPUBuffer;
  /** Output `[T, size]`, f32; may not be `x`. */
  y: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

const THREADS = 32;

/** RMSNorm of every row: `y = x / sqrt(mean(x^2) + epsilon) * weight`. */
export function rmsNorm(pipelines: Pipelines, shape: RmsNormShape, buffers: RmsNormBuffers): Promise<Step> {
  return pipelines.step(
    "rms-norm",
    { shader: "rms-norm", constants: { D: shape.size, EPS: shape.epsilon, THREADS } },
    { 0: buffers.x, 1: buffers.weight, 2: buffers.y, 8: buffers.state },
    rows => [rows, 1, 1],
  );
}
