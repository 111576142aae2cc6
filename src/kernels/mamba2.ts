import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import type { ShortConvShape } from "./short-conv.ts";
import { type Vector, vectorBuffer } from "./vector.ts";

export interface Mamba2Shape {
  heads: number;
  /** Of B and C, which as many neighbouring heads share; a divisor of `heads`. */
  groups: number;
  /** Elements of B and of C, and of a head's x: multiples of 4, at most `MAX_STATE` and `MAX_HEAD`. */
  stateDim: number;
  headDim: number;
  /** Positions that the convolution sees, its own included; at least 2. */
  taps: number;
}

export interface Mamba2Buffers {
  /** `[T, mamba2Row(shape)]`, f32: z, x, B, C, dt. */
  x: GPUBuffer;
  /** Of the convolution over x, B and C, `[mamba2Channels(shape), taps]` and `[mamba2Channels(shape)]`. */
  weight: Vector;
  bias: Vector;
  /** -exp(A_log), the bias of dt, and D, `[heads]`. */
  a: Vector;
  dt: Vector;
  d: Vector;
  /** By slot `[taps, mamba2Channels(shape)]`, f32: the convolution's inputs. Its contents do not matter at position 0, nor do `memory`'s. */
  history: GPUBuffer;
  /** By slot `[heads, stateDim, headDim]`, f32. */
  memory: GPUBuffer;
  /** Result `[T, heads * headDim]`, f32, with its gate, still without its norm. */
  y: GPUBuffer;
  /** State of the batch (uniform). */
  state: GPUBuffer;
}

/** What the chunked form keeps between its kernels: bytes for so many rows of a batch. */
export interface Mamba2Scratch {
  /** x, B, C after the convolution. */
  rows: number;
  /** C times B within each chunk. */
  mix: number;
}

/** B and C up to this width fit the kernels' workgroup memory. */
export const MAX_STATE = 256;
/** Values of a head up to this width fit a workgroup of decode. */
export const MAX_HEAD = 256;

/** Rows of a chunk; `CHUNK` in the shaders. */
const CHUNK = 64;
/** Threads of a workgroup of decode. */
const THREADS = 256;

/** Channels of the convolution. */
export function mamba2Channels({ heads, groups, stateDim, headDim }: Mamba2Shape): number {
  return heads * headDim + 2 * groups * stateDim;
}

/** Elements of a row of projections, filled up to a multiple of 4. */
export function mamba2Row(shape: Mamba2Shape): number {
  const { heads, headDim } = shape;
  return Math.ceil((heads * headDim + mamba2Channels(shape) + heads) / 4) * 4;
}

/** The convolution of a prompt's rows, which comes before `mamba2Prefill`. */
export function mamba2Convolution(shape: Mamba2Shape): ShortConvShape {
  const { heads, headDim, taps } = shape;
  return { width: mamba2Channels(shape), taps, stride: mamba2Row(shape), first: heads * headDim };
}

/** @param sequences of a batch at most */
export function mamba2Scratch(shape: Mamba2Shape, batchRows: number, sequences: number): Mamba2Scratch {
  return {
    rows: batchRows * mamba2Channels(shape) * 4,
    mix: chunks(batchRows, sequences) * shape.groups * CHUNK * CHUNK * 4,
  };
}

/** Chunks at most, as each sequence begins one. */
const chunks = (rows: number, sequences: number): number => Math.ceil(rows / CHUNK) + sequences - 1;

function rowConstants(shape: Mamba2Shape, { a, dt, d }: Pick<Mamba2Buffers, "a" | "dt" | "d">) {
  const { heads, groups, stateDim, headDim, taps } = shape;
  const suits = (size: number, most: number): boolean => size % 4 === 0 && size <= most;
  if (heads % groups !== 0 || taps < 2 || !suits(stateDim, MAX_STATE) || !suits(headDim, MAX_HEAD))
    throw new RangeError(`mamba2: ${heads} heads of ${groups}, ${stateDim} x ${headDim}, ${taps} taps`);
  return {
    HEADS: heads,
    GROUPS: groups,
    STATE: stateDim,
    HEAD_DIM: headDim,
    STRIDE: mamba2Row(shape),
    A_AT: a.at,
    DT_AT: dt.at,
    D_AT: d.at,
  };
}

/** Mamba-2 of the batch's rows, a token of a sequence each: convolution, scan, gate. */
export function mamba2Decode(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: Mamba2Shape,
  buffers: Mamba2Buffers,
): Promise<Dispatch> {
  const { x, weight, bias, a, dt, d, history, memory, y, state } = buffers;
  const { heads, stateDim, headDim, taps } = shape;
  const parts = gpu.software ? 1 : Math.max(1, Math.min(stateDim / 4, Math.floor(THREADS / (headDim / 4))));
  const constants = {
    ...rowConstants(shape, buffers),
    TAPS: taps,
    CONV_AT: heads * headDim,
    WEIGHT_AT: weight.at,
    BIAS_AT: bias.at,
    PARTS: parts,
  };
  return pipelines.dispatch(
    "mamba2",
    { shader: "mamba2-decode", imports: { bias: "bias-vector" }, constants },
    { 0: x, 1: history, 2: y, 3: vectorBuffer([weight, bias, a, dt, d])!, 4: memory, 8: state },
    rows => [heads, rows, 1],
  );
}

/**
 * Mamba-2 of all tokens of a batch, in chunks: from what `shortConv` made of x, B and C to each head's gated result.
 * @param scratch buffers of `mamba2Scratch` bytes
 */
export function mamba2Prefill(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: Mamba2Shape,
  buffers: Omit<Mamba2Buffers, "weight" | "bias" | "history">,
  { rows, mix }: Readonly<Record<keyof Mamba2Scratch, GPUBuffer>>,
): Promise<Dispatch[]> {
  const { x, a, dt, d, memory, y, state } = buffers;
  const { heads, groups, stateDim, headDim } = shape;
  const constants = rowConstants(shape, buffers);
  // units of 4 values of a workgroup of the scan, whose columns of the state take half of its 16 KiB at most
  const columns = Math.min(4, Math.floor(512 / stateDim));
  return Promise.all([
    pipelines.dispatch(
      "mamba2-chunks",
      {
        shader: "mamba2-chunks",
        constants: {
          GROUPS: groups,
          STATE: stateDim,
          INNER: heads * headDim,
          THREADS: gpu.software ? CHUNK : 4 * CHUNK,
        },
      },
      { 0: rows, 1: mix, 8: state },
      (count, sequences) => [chunks(count, sequences), groups, 1],
    ),
    pipelines.dispatch(
      "mamba2-scan",
      {
        shader: "mamba2-scan",
        constants: {
          ...constants,
          COLUMNS: columns,
          THREADS: gpu.software ? 2 * columns : CHUNK * columns,
        },
      },
      { 0: x, 1: rows, 2: y, 3: vectorBuffer([a, dt, d])!, 4: memory, 5: mix, 8: state },
      (_, sequences) => [heads, Math.ceil(headDim / (4 * columns)), sequences],
    ),
  ]);
}
