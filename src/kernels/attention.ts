import type { Gpu } from "../gpu/device.ts";
import type { KernelCode, Pipelines, Step } from "../gpu/step.ts";

/** One layer's attention. */
export interface AttentionShape {
  /** Query heads, a multiple of `kvHeads`. */
  heads: number;
  kvHeads: number;
  /** Elements of a head, a multiple of 4, at most 256. */
  headDim: number;
  /** Physical blocks of 16 positions in the layer's KV cache. */
  kvBlocks: number;
  /** Factor on the scores, usually 1 / sqrt(headDim). */
  scale: number;
}

export interface AttentionBuffers {
  /** Rotated queries `[T, heads * headDim]`, f32. */
  q: GPUBuffer;
  /** The layer's cache (`shaders/shared/kv-cache.wgsl`), f16 where `gpu.f16`; holds this batch's keys and values too. */
  kv: GPUBuffer;
  /** u32: physical block of every logical block in use. */
  blockTable: GPUBuffer;
  /** Result `[T, heads * headDim]`, f32; may not be `q`. */
  out: GPUBuffer;
  /** `attentionScratchBytes` bytes, shared by all layers; only decode uses it. */
  scratch: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/** `tiled` for GPUs; `software` for CPUs that pretend to be one. */
export type AttentionVariant = "tiled" | "software";

const BLOCK = 16;
const WORKGROUP_BYTES = 16384;
const THREADS = 256;

/**
 * Longest context that one workgroup per KV head reads alone. Longer ones are spread over the GPU, at the price of a
 * second dispatch, which costs about what reading this many keys does.
 */
const SINGLE_STEP_KEYS = 1024;

/** Workgroups that fill a large GPU about twice. */
const WANTED_WORKGROUPS = 256;
const MAX_SPLITS = 64;

/** Bytes of the scratch buffer that all layers of this shape share. */
export function attentionScratchBytes(shape: AttentionShape): number {
  return MAX_SPLITS * shape.heads * (shape.headDim + 4) * 4;
}

/** Causal attention of `state.rows` tokens from position `state.position` on; keys and values come from the cache. */
export function attentionPrefill(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: AttentionShape,
  buffers: AttentionBuffers,
  _variant: AttentionVariant = gpu.software ? "software" : "tiled",
): Promise<Step> {
  const { across, down, rows } = prefillGrid(shape.headDim);
  return pipelines.step(
    "attention-prefill",
    {
      shader: "attention-prefill",
      imports: { real: realFile(gpu) },
      constants: { ...cacheConstants(shape), ...softmaxConstants(shape), ACROSS: across, DOWN: down, ROWS: rows },
    },
    { 0: buffers.q, 1: buffers.kv, 2: buffers.blockTable, 3: buffers.out, 8: buffers.state },
    tokens => [Math.ceil(tokens / (down * rows)), shape.heads, 1],
  );
}

export interface DecodeOptions {
  /**
   * Longest context (KV positions, the new token's included) that these steps will serve. Up to 1,024 one dispatch does
   * it. Default: all that the cache holds.
   */
  longest?: number;
  variant?: AttentionVariant;
}

/** Attention of one token at position `state.position`, in one or two steps. */
export async function attentionDecode(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: AttentionShape,
  buffers: AttentionBuffers,
  { longest = shape.kvBlocks * BLOCK }: DecodeOptions = {},
): Promise<Step[]> {
  const { tile, tiles, fold } = decodeTile(shape);
  const unit = THREADS;
  const wanted = Math.min(MAX_SPLITS, Math.ceil(WANTED_WORKGROUPS / (shape.kvHeads * tiles)), Math.ceil(longest / unit));
  const splits = longest <= SINGLE_STEP_KEYS ? 1 : wanted;
  const code: KernelCode = {
    shader: "attention-decode",
    imports: { real: realFile(gpu), result: splits > 1 ? "attention-result-part" : "attention-result-whole" },
    constants: {
      ...cacheConstants(shape),
      ...softmaxConstants(shape),
      THREADS,
      TILE: tile,
      FOLD: fold,
      SPLITS: splits,
      SPLIT_UNIT: unit,
    },
  };
  const { q, kv, blockTable, out, scratch, state } = buffers;
  const bindings = { 0: q, 1: kv, 2: blockTable, 3: splits > 1 ? scratch : out, 8: state };
  const first = await pipelines.step("attention-decode", code, bindings, [splits, shape.kvHeads * tiles, 1]);
  if (splits === 1) return [first];
  const combine = await pipelines.step(
    "attention-combine",
    {
      shader: "attention-combine",
      constants: { HEADS: shape.heads, HEAD_DIM: shape.headDim, SPLITS: splits, SPLIT_UNIT: unit, THREADS: 64 },
    },
    { 0: scratch, 1: out, 8: state },
    [shape.heads, 1, 1],
  );
  return [first, combine];
}

function realFile(gpu: Gpu): string {
  return gpu.f16 ? "real-f16" : "real-f32";
}

function cacheConstants(shape: AttentionShape) {
  return { KV_HEADS: shape.kvHeads, HEAD_DIM: shape.headDim, KV_BLOCKS: shape.kvBlocks };
}

function softmaxConstants(shape: AttentionShape) {
  return { HEADS: shape.heads, SCALE: shape.scale * Math.LOG2E };
}

/** The thread grid of prefill: as many keys in a tile as fit into workgroup memory. */
function prefillGrid(headDim: number): { across: number; down: number; rows: number } {
  const threads = 128;
  const units = headDim / 4;
  for (const across of [8, 4, 2]) {
    const down = threads / across;
    const columns = Math.ceil(units / across);
    for (const rows of [2, 1]) {
      const queries = down * rows;
      const bytes = 4 * across * (units + 1) * 16 + queries * (across + 1) * 16 + queries * across * 4;
      if (bytes <= WORKGROUP_BYTES && rows * columns <= 32) return { across, down, rows };
    }
  }
  throw new Error(`Attention heads of ${headDim} elements do not fit into workgroup memory`);
}

/** How many of the query heads of one KV head a workgroup of decode serves, and how many it sums up at a time. */
function decodeTile(shape: AttentionShape): { tile: number; tiles: number; fold: number } {
  const group = shape.heads / shape.kvHeads;
  const lanes = Math.floor(THREADS / (shape.headDim / 4));
  for (let tiles = Math.ceil(group / 8); ; tiles++) {
    const tile = Math.ceil(group / tiles);
    const bytes = tile * (shape.headDim + THREADS + 8) * 4 + (THREADS / BLOCK) * 4;
    const fold = Math.min(tile, Math.floor((WORKGROUP_BYTES - bytes) / (THREADS * 16 + lanes * 4)));
    if (fold >= 1) return { tile, tiles, fold };
  }
}
