import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import { type Vector, vectorBuffer } from "./vector.ts";

export interface ShortConvShape {
  /** Channels, a multiple of 4. */
  width: number;
  /** Positions that an output sees, its own included; at least 2. */
  taps: number;
  /** Elements of a row of which `width` are convolved and go through SiLU. Default: gate before, gate after, values. */
  stride?: number;
  /** Where these begin in the row. Default 0. */
  first?: number;
}

export interface ShortConvBuffers {
  /** `[T, 3 * width]`, f32: gate before, gate after, values; or `[T, stride]`. */
  x: GPUBuffer;
  /** Weights `[width, taps]`. */
  weight: Vector;
  /** `[width]`, before SiLU. */
  bias?: Vector | undefined;
  /** By slot `[taps, width]`, f32: what the sequence has behind it. Its contents do not matter at position 0. */
  history: GPUBuffer;
  /** Result `[T, width]`, f32. */
  y: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/** Units of 4 channels, and tokens, of a workgroup. */
const GRID = { gpu: { CHANNELS: 8, TOKENS: 8 }, software: { CHANNELS: 8, TOKENS: 1 } };

/** Causal convolution over a few positions: gated before and after (LFM2), or with SiLU behind it. */
export function shortConv(
  pipelines: Pipelines,
  gpu: Gpu,
  { width, taps, stride, first = 0 }: ShortConvShape,
  { x, weight, bias, history, y, state }: ShortConvBuffers,
): Promise<Dispatch> {
  if (width % 4 !== 0 || taps < 2 || (stride ?? 0) % 4 !== 0 || first % 4 !== 0)
    throw new RangeError(`short-conv: ${taps} taps over ${width} channels from ${first} of ${stride}`);
  const grid = gpu.software ? GRID.software : GRID.gpu;
  return pipelines.dispatch(
    "short-conv",
    {
      shader: "short-conv",
      imports:
        stride === undefined
          ? { conv: "conv-gated" }
          : { conv: "conv-silu", bias: bias ? "bias-vector" : "bias-none" },
      constants: {
        WIDTH: width,
        TAPS: taps,
        WEIGHT_AT: weight.at,
        STRIDE: stride ?? 3 * width,
        ...(stride === undefined ? {} : { FIRST: first }),
        ...(bias && { BIAS_AT: bias.at }),
        ...grid,
      },
    },
    { 0: x, 1: history, 2: y, 3: vectorBuffer([weight, bias])!, 8: state },
    [Math.ceil(width / 4 / grid.CHANNELS), 1, 1],
  );
}
