import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, Pipelines } from "../gpu/dispatch.ts";
import type { HeadGateShape } from "./head-gate.ts";
import { type Vector, vectorBuffer } from "./vector.ts";

export interface DeltaRuleShape {
  /** Heads of values, a multiple of `keyHeads`: head h has queries and keys of head h mod keyHeads. */
  heads: number;
  keyHeads: number;
  /** Elements of a key and of a value: multiples of 4, at most `MAX_STATE_DIM`. */
  keyDim: number;
  valueDim: number;
  /** Positions that the convolution sees, its own included; at least 2. */
  taps: number;
  /** Of the gated RMSNorm. */
  epsilon: number;
}

export interface DeltaRuleBuffers {
  /** `[T, deltaRow(shape)]`, f32: q, k, v, z, beta, alpha. */
  x: GPUBuffer;
  /** Of the convolution, `[deltaChannels(shape), taps]`. */
  weight: Vector;
  /** -exp(A_log) and the bias of alpha, `[heads]`. */
  a: Vector;
  dt: Vector;
  /** Scale of the gated norm, `[valueDim]`. */
  norm: Vector;
  /** By slot `[taps, deltaChannels(shape)]`, f32: the convolution's inputs. Its contents do not matter at position 0, nor do `memory`'s. */
  history: GPUBuffer;
  /** By slot `[heads, keyDim, valueDim]`, f32: the delta rule's state. */
  memory: GPUBuffer;
  /** Result `[T, heads * valueDim]`, f32. */
  y: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/** What the chunked form keeps between its kernels: bytes for so many rows of a batch. */
export interface DeltaRuleScratch {
  /** q, k, v after the convolution. */
  rows: number;
  matrices: number;
  factors: number;
}

/** Keys and values up to this width fit the kernels' workgroup memory. */
export const MAX_STATE_DIM = 256;

/** Rows of a chunk; `CHUNK` in the shaders. */
const CHUNK = 64;
/** Units of 4 values of a workgroup of the scan. */
const COLUMNS = 2;

/** Channels of the convolution. */
export function deltaChannels({ heads, keyHeads, keyDim, valueDim }: DeltaRuleShape): number {
  return 2 * keyHeads * keyDim + heads * valueDim;
}

/** Elements of a row of projections, filled up to a multiple of 4. */
export function deltaRow(shape: DeltaRuleShape): number {
  const { heads, valueDim } = shape;
  return Math.ceil((deltaChannels(shape) + heads * valueDim + 2 * heads) / 4) * 4;
}

/** @param sequences of a batch at most */
export function deltaScratch(shape: DeltaRuleShape, batchRows: number, sequences: number): DeltaRuleScratch {
  const padded = chunks(batchRows, sequences) * CHUNK * shape.heads;
  return {
    rows: batchRows * deltaChannels(shape) * 4,
    matrices: padded * 2 * CHUNK * 4,
    factors: padded * 16,
  };
}

/** Chunks at most, as each sequence begins one. */
const chunks = (rows: number, sequences: number): number => Math.ceil(rows / CHUNK) + sequences - 1;

function constantsOf(shape: DeltaRuleShape, { a, dt }: Pick<DeltaRuleBuffers, "a" | "dt">) {
  const { heads, keyHeads, keyDim, valueDim, taps } = shape;
  if (
    heads % keyHeads !== 0 ||
    taps < 2 ||
    [keyDim, valueDim].some(size => size % 4 !== 0 || size > MAX_STATE_DIM)
  )
    throw new RangeError(`delta-rule: ${heads} heads of ${keyHeads}, ${keyDim} x ${valueDim}, ${taps} taps`);
  const sizes = { HEADS: heads, K_HEADS: keyHeads, KEY: keyDim, VALUE: valueDim };
  return { sizes, row: { ...sizes, STRIDE: deltaRow(shape), A_AT: a.at, DT_AT: dt.at } };
}

/** The gated delta net of the batch's rows, a token of a sequence each: convolution, norms, delta rule, gated norm. */
export function deltaRuleDecode(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: DeltaRuleShape,
  buffers: DeltaRuleBuffers,
): Promise<Dispatch> {
  const { x, weight, a, dt, norm, history, memory, y, state } = buffers;
  const { keyDim, valueDim } = shape;
  const parts = gpu.software ? 1 : Math.max(1, Math.min(keyDim / 4, Math.floor(1024 / valueDim)));
  const constants = {
    ...constantsOf(shape, buffers).row,
    TAPS: shape.taps,
    CONV_AT: 0,
    WEIGHT_AT: weight.at,
    NORM_AT: norm.at,
    EPS: shape.epsilon,
    PARTS: parts,
  };
  return pipelines.dispatch(
    "delta-rule",
    { shader: "delta-rule-decode", imports: { bias: "bias-none" }, constants },
    { 0: x, 1: history, 2: y, 3: vectorBuffer([weight, a, dt, norm])!, 4: memory, 8: state },
    rows => [shape.heads, rows, 1],
  );
}

/**
 * The delta rule of all tokens of a batch, in chunks: what `shortConv` made of q, k and v to each head's result, still without its norm
 * and gate (`deltaGate`).
 * @param scratch buffers of `deltaScratch` bytes
 */
export function deltaRulePrefill(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: DeltaRuleShape,
  buffers: Omit<DeltaRuleBuffers, "weight" | "norm" | "history">,
  { rows, matrices, factors }: Readonly<Record<keyof DeltaRuleScratch, GPUBuffer>>,
): Promise<Dispatch[]> {
  const { x, a, dt, memory, y, state } = buffers;
  const { heads, valueDim } = shape;
  const { sizes, row } = constantsOf(shape, buffers);
  return Promise.all([
    pipelines.dispatch(
      "delta-rule-chunks",
      { shader: "delta-rule-chunks", constants: { ...row, THREADS: gpu.software ? CHUNK : 4 * CHUNK } },
      { 0: x, 1: rows, 2: matrices, 3: vectorBuffer([a, dt])!, 4: factors, 8: state },
      (count, sequences) => [chunks(count, sequences), heads, 1],
    ),
    pipelines.dispatch(
      "delta-rule-scan",
      {
        shader: "delta-rule-scan",
        constants: { ...sizes, COLUMNS, THREADS: gpu.software ? 2 * COLUMNS : CHUNK * COLUMNS },
      },
      { 0: rows, 1: matrices, 2: y, 3: factors, 4: memory, 8: state },
      (_, sequences) => [heads, Math.ceil(valueDim / (4 * COLUMNS)), sequences],
    ),
  ]);
}

/** The gated norm of each head's result. */
export function deltaGate(shape: DeltaRuleShape): HeadGateShape {
  const { heads, valueDim, epsilon } = shape;
  const gates = { stride: deltaRow(shape), first: deltaChannels(shape), step: valueDim };
  return { heads, headDim: valueDim, gates, epsilon };
}
