import type { Gpu } from "../gpu/device.ts";
import type { Dispatch, KernelCode, Pipelines, Workgroups } from "../gpu/dispatch.ts";
import type { ShaderImports, ShaderSizes } from "../gpu/shader.ts";
import { decodeGrid, prefillGrid, subgroupGrid } from "./attention-grids.ts";
import { chosenVariant, type Variants } from "./choice.ts";
import type { Vector } from "./vector.ts";

/** One layer's attention. */
export interface AttentionShape {
  /** Query heads, a multiple of `kvHeads`. */
  heads: number;
  kvHeads: number;
  /** Elements of a head, a multiple of 4, at most `MAX_HEAD_DIM`. */
  headDim: number;
  /**
   * Physical blocks of 16 positions in the layer's KV cache. With a `window` they may be fewer than the sequence
   * has: logical blocks may share a physical one as long as no two of those that a batch sees or writes do, that is
   * with a ring of (window + rows of a batch) / 16 + 1 blocks, rounded up.
   */
  kvBlocks: number;
  /** Entries of the block table for each slot. Default 0: there is one slot. */
  slotPages?: number;
  /** Factor on the scores, usually 1 / sqrt(headDim). */
  scale: number;
  /** Keys that a token sees at most, the newest, its own included. Older ones are not even read. Default: all. */
  window?: number;
  /** Scores become softcap * tanh(score / softcap). Default: they stay as they are. */
  softcap?: number;
  /** `false`: each token of a batch sees the whole batch (encoders); prefill only, without `window`. Default: true. */
  causal?: boolean;
}

export interface AttentionBuffers {
  /** Rotated queries `[T, heads * headDim]`, f32. */
  q: GPUBuffer;
  /** The layer's cache (`shaders/shared/kv-cache.wgsl`), f16 where `gpu.f16`; holds this batch too. */
  kv: GPUBuffer;
  /** u32 `[slots, slotPages]`: physical block of every logical block in use. */
  blockTable: GPUBuffer;
  /** Result `[T, heads * headDim]`, f32; may not be `q`. */
  out: GPUBuffer;
  /** A logit per query head `[heads]` that takes its share of the softmax and adds no value. Default: none. */
  sinks?: Vector;
  /** `attentionScratchBytes` bytes, shared by all layers; only decode uses it. */
  scratch: GPUBuffer;
  /** Sequence state (uniform). */
  state: GPUBuffer;
}

/**
 * `tiled` for GPUs; `software` for CPUs that pretend to be one; `subgroups` for GPUs that have them: heads that do not suit it
 * get `tiled` all the same.
 */
export type DecodeVariant = Variants["attentionDecode"];
/** The same for prompts; `matrix` on matrix units, for heads that suit it. */
export type PrefillVariant = Variants["attentionPrefill"];

const BLOCK = 16;

/** Heads up to this width fit the registers of the kernels. */
export const MAX_HEAD_DIM = 512;
/** In prefill wider ones pass through workgroup memory in parts, by the rows, loads and columns of a thread. */
const WHOLE_HEAD_DIM = 256;
const WIDE = { ROWS: 2, LOADS: 4, COLUMNS: 2 };
const WIDE_GRID = { across: 8, down: 16 };

/**
 * Most keys that a workgroup reads alone. More are spread over the GPU, at the price of a second dispatch (an H100: 3 us
 * of GPU time, 6 us of the browser's), which should cost about what reading this many keys does (estimated).
 */
export const SINGLE_STEP_KEYS = 512;

/** Workgroups that fill a large GPU about twice. */
const WANTED_WORKGROUPS = 256;
const MAX_SPLITS = 64;
/** Keys that a part has at least. */
const SPLIT_UNIT = 64;
/** Query heads with workgroups of their own while one dispatch does it all: what they read is small then. */
const LONE_HEADS = 128;
const COMBINE_THREADS = 256;
/** Threads of a subgroup that work together, where it has so many; keys of each that are read at a time. */
const MAX_TEAM = 32;
const TEAM_DEPTH = 4;

/** On matrix units: sizes of heads, pairs of a token and a query head that a workgroup takes, bytes for tiles of 64 keys. */
const MATRIX_HEADS = [64, 80, 96, 128];
const MATRIX_QUERIES = 64;
const MATRIX_LARGE_BYTES = 46_096;

/** On software adapters: rows in a thread's registers, threads of a workgroup, keys of a part. */
const SOFTWARE_ROWS = 4;
const SOFTWARE_THREADS = 4;
const SOFTWARE_SPLIT_UNIT = 64;

/** Bytes of the scratch buffer that all layers of this shape share. @param rows decoded at a time */
export function attentionScratchBytes(shape: AttentionShape, rows = 1): number {
  return rows * MAX_SPLITS * shape.heads * (shape.headDim + 4) * 4;
}

/** Attention of a batch's rows, their own keys included. */
export function attentionPrefill(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: AttentionShape,
  buffers: AttentionBuffers,
  variant: PrefillVariant = chosenVariant(gpu, "attentionPrefill"),
): Promise<Dispatch> {
  const { q, kv, blockTable, out, state, sinks } = buffers;
  const bindings = { 0: q, 1: kv, 2: blockTable, 3: out, ...sinkBinding(sinks), 8: state };
  if (variant === "software") {
    const group = shape.heads / shape.kvHeads;
    const code = softwareCode(gpu, shape, sinks, SOFTWARE_ROWS, 1);
    const workgroups = (tokens: number, sequences: number): Workgroups => {
      const tiles = tilesOf(tokens * group, SOFTWARE_ROWS, sequences);
      return [Math.ceil(tiles / SOFTWARE_THREADS), shape.kvHeads, 1];
    };
    return pipelines.dispatch("attention-prefill", code, bindings, workgroups, [
      "attention-prefill",
      variant,
    ]);
  }
  if (variant === "matrix" && MATRIX_HEADS.includes(shape.headDim)) {
    const group = shape.heads / shape.kvHeads;
    const code = {
      shader: "attention-prefill-matrix",
      imports: imports(gpu, sinks),
      sizes: matrixSizes(gpu, shape.headDim),
      constants: constants(shape, sinks),
    };
    const workgroups = (tokens: number, sequences: number): Workgroups => [
      tilesOf(tokens * group, MATRIX_QUERIES, sequences),
      shape.kvHeads,
      1,
    ];
    return pipelines.dispatch("attention-prefill", code, bindings, workgroups, [
      "attention-prefill",
      variant,
    ]);
  }
  if (shape.headDim > WHOLE_HEAD_DIM) {
    const part = WIDE_GRID.across * WIDE.COLUMNS * 4;
    const code = {
      shader: "attention-prefill-wide",
      imports: { ...imports(gpu, sinks), bounds: `prefill-bounds-${boundsKind(gpu)}` },
      sizes: { ...WIDE, PARTS: Math.ceil(shape.headDim / part) },
      constants: constants(shape, sinks),
    };
    const queries = WIDE_GRID.down * WIDE.ROWS;
    const workgroups = (tokens: number, sequences: number): Workgroups => [
      tilesOf(tokens, queries, sequences),
      shape.heads,
      1,
    ];
    return pipelines.dispatch("attention-prefill", code, bindings, workgroups, [
      "attention-prefill",
      "tiled",
    ]);
  }
  const { across, down, rows } = prefillGrid(shape.headDim);
  return pipelines.dispatch(
    "attention-prefill",
    {
      shader: "attention-prefill",
      imports: { ...imports(gpu, sinks), bounds: `prefill-bounds-${boundsKind(gpu)}` },
      constants: { ...constants(shape, sinks), ACROSS: across, DOWN: down, ROWS: rows },
    },
    bindings,
    (tokens, sequences) => [tilesOf(tokens, down * rows, sequences), shape.heads, 1],
    ["attention-prefill", "tiled"],
  );
}

/** Tiles at most, as each sequence begins one. */
function tilesOf(queries: number, size: number, sequences: number): number {
  return Math.ceil(queries / size) + sequences - 1;
}

/** See `shaders/shared/attention-matrices.wgsl`. Tiles of 64 keys where they fit: with larger heads they never would. */
function matrixSizes(gpu: Gpu, headDim: number): ShaderSizes {
  const columns = headDim / 16;
  const room = gpu.device.limits.maxComputeWorkgroupStorageSize >= MATRIX_LARGE_BYTES;
  const blocks = columns === 4 && room ? 4 : 2;
  const together = columns % blocks === 0 ? blocks : 1;
  return {
    COLUMNS: columns,
    BLOCKS: blocks,
    LOADS: columns === 4 ? 1 : 2,
    ROUNDS: columns / together,
    ROUND_COLUMNS: together,
  };
}

export interface DecodeOptions {
  /**
   * Longest context (KV positions, the new token's included) that these dispatches will serve. Up to
   * `SINGLE_STEP_KEYS`, or a window of so many, a GPU does it in one dispatch.
   */
  longest: number;
  variant?: DecodeVariant;
}

/** Attention of the batch's rows, a token of a sequence each, in one or two dispatches; software adapters compute one row. */
export async function attentionDecode(
  pipelines: Pipelines,
  gpu: Gpu,
  shape: AttentionShape,
  buffers: AttentionBuffers,
  { longest, variant = chosenVariant(gpu, "attentionDecode") }: DecodeOptions,
): Promise<Dispatch[]> {
  if (shape.causal === false) throw new RangeError("Attention of one token is causal");
  const { q, kv, blockTable, out, scratch, state, sinks } = buffers;
  const keys = shape.window ? Math.min(longest, shape.window + BLOCK - 1) : longest;
  const {
    code,
    workgroups: [x, y],
    splits,
    unit,
  } = decodePlan(gpu, shape, sinks, keys, variant);
  const target = splits > 1 ? scratch : out;
  const bindings = { 0: q, 1: kv, 2: blockTable, 3: target, ...sinkBinding(sinks), 8: state };
  const ran = code.shader === "attention-decode" ? "tiled" : variant;
  const chosen = ["attention-decode", ran] as const;
  const first = await pipelines.dispatch("attention-decode", code, bindings, rows => [x, y, rows], chosen);
  if (splits === 1) return [first];
  const combine = await pipelines.dispatch(
    "attention-combine",
    {
      shader: variant === "software" ? "attention-combine-rows" : "attention-combine",
      constants: {
        HEADS: shape.heads,
        HEAD_DIM: shape.headDim,
        SPLITS: splits,
        SPLIT_UNIT: unit,
        WINDOW: shape.window ?? 0,
        THREADS:
          variant === "software" ? SOFTWARE_THREADS : Math.min(COMBINE_THREADS, splits * (shape.headDim / 4)),
      },
    },
    { 0: scratch, 1: out, 8: state },
    rows => [shape.heads, rows, 1],
  );
  return [first, combine];
}

interface DecodePlan {
  code: KernelCode;
  /** In x and y; z is the row. */
  workgroups: readonly [number, number];
  /** Parts of the keys at most; 1 needs no combine. */
  splits: number;
  /** Keys that a part has at least. */
  unit: number;
}

/** @param keys that the longest context reads */
function decodePlan(
  gpu: Gpu,
  shape: AttentionShape,
  sinks: Vector | undefined,
  keys: number,
  variant: DecodeVariant,
): DecodePlan {
  if (variant === "software") return softwareDecode(gpu, shape, sinks, keys);
  const bySubgroups = variant === "subgroups" && subgroupDecode(gpu, shape, sinks, keys);
  return bySubgroups || tiledDecode(gpu, shape, sinks, keys);
}

/** In one dispatch, query heads are spread over workgroups; beyond it, keys are. */
function tilesAtLeast({ kvHeads }: AttentionShape, keys: number): number {
  return keys <= SINGLE_STEP_KEYS ? Math.floor(LONE_HEADS / kvHeads) : 1;
}

function splitsOf({ kvHeads }: AttentionShape, keys: number, tiles: number): number {
  if (keys <= SINGLE_STEP_KEYS) return 1;
  const wanted = Math.ceil(WANTED_WORKGROUPS / (kvHeads * tiles));
  return Math.min(MAX_SPLITS, wanted, Math.ceil(keys / SPLIT_UNIT));
}

/** Undefined where the heads do not suit it. */
function subgroupDecode(
  gpu: Gpu,
  shape: AttentionShape,
  sinks: Vector | undefined,
  keys: number,
): DecodePlan | undefined {
  const width = 2 ** Math.floor(Math.log2(Math.min(MAX_TEAM, gpu.subgroupMinSize)));
  const grid = subgroupGrid(shape, gpu.f16 ? 2 : 4, width, tilesAtLeast(shape, keys));
  if (!grid) return undefined;
  const { threads, lanes, wordsPerLane, tile, tiles, fold } = grid;
  const keyLanes = width / lanes;
  const splits = splitsOf(shape, keys, tiles);
  const code = {
    shader: "attention-decode-subgroups",
    imports: {
      ...imports(gpu, sinks),
      "kv-words": gpu.f16 ? "kv-words-f16" : "kv-words-f32",
      result: resultFile(splits),
    },
    sizes: {
      TILE: tile,
      DEPTH: TEAM_DEPTH,
      WORDS_PER_LANE: wordsPerLane,
      UNITS_PER_LANE: wordsPerLane * (gpu.f16 ? 2 : 1),
      LANE_STEPS: Math.log2(lanes),
      TEAM_STEPS: Math.log2(keyLanes),
      BLOCKS: Math.ceil((keyLanes * TEAM_DEPTH) / BLOCK),
    },
    constants: {
      ...constants(shape, sinks),
      THREADS: threads,
      WIDTH: width,
      LANES: lanes,
      FOLD: fold,
      SPLITS: splits,
      SPLIT_UNIT,
    },
  };
  return { code, workgroups: [splits, shape.kvHeads * tiles], splits, unit: SPLIT_UNIT };
}

/** @param keys that the longest context reads */
function tiledDecode(gpu: Gpu, shape: AttentionShape, sinks: Vector | undefined, keys: number): DecodePlan {
  const { threads, tile, tiles, depth, parts, fold } = decodeGrid(
    shape,
    gpu.f16 ? 2 : 4,
    tilesAtLeast(shape, keys),
  );
  const splits = splitsOf(shape, keys, tiles);
  const code = {
    shader: "attention-decode",
    imports: {
      ...imports(gpu, sinks),
      result: resultFile(splits),
      bounds: `decode-bounds-${boundsKind(gpu)}`,
    },
    constants: {
      ...constants(shape, sinks),
      THREADS: threads,
      DEPTH: depth,
      PARTS: parts,
      TILE: tile,
      FOLD: fold,
      SPLITS: splits,
      SPLIT_UNIT,
    },
  };
  return { code, workgroups: [splits, shape.kvHeads * tiles], splits, unit: SPLIT_UNIT };
}

function softwareDecode(
  gpu: Gpu,
  shape: AttentionShape,
  sinks: Vector | undefined,
  keys: number,
): DecodePlan {
  const group = shape.heads / shape.kvHeads;
  const tiles = Math.ceil(group / SOFTWARE_ROWS);
  const splits = Math.min(MAX_SPLITS, Math.ceil(keys / SOFTWARE_SPLIT_UNIT));
  const code = softwareCode(gpu, shape, sinks, Math.ceil(group / tiles), splits);
  const workgroups = [Math.ceil((splits * tiles) / SOFTWARE_THREADS), shape.kvHeads] as const;
  return { code, workgroups, splits, unit: SOFTWARE_SPLIT_UNIT };
}

function softwareCode(
  gpu: Gpu,
  shape: AttentionShape,
  sinks: Vector | undefined,
  rows: number,
  splits: number,
): KernelCode {
  return {
    shader: "attention-software",
    imports: { ...imports(gpu, sinks), result: resultFile(splits) },
    constants: {
      ...constants(shape, sinks),
      ROWS: rows,
      THREADS: SOFTWARE_THREADS,
      SPLITS: splits,
      SPLIT_UNIT: SOFTWARE_SPLIT_UNIT,
    },
  };
}

function resultFile(splits: number): string {
  return splits > 1 ? "attention-result-part" : "attention-result-whole";
}

/** See `shaders/shared/decode-bounds-loose.wgsl`. */
function boundsKind(gpu: Gpu): "fixed" | "loose" {
  return gpu.facts.fallback ? "loose" : "fixed";
}

function imports(gpu: Gpu, sinks: Vector | undefined): ShaderImports {
  return {
    real: gpu.f16 ? "real-f16" : "real-f32",
    sinks: sinks ? "attention-sinks" : "attention-sinks-none",
  };
}

function sinkBinding(sinks: Vector | undefined): Readonly<Record<number, GPUBuffer>> {
  return sinks ? { 7: sinks.buffer } : {};
}

/** @throws RangeError if the shape makes no sense: a fault of this package, not of the caller */
function constants(shape: AttentionShape, sinks: Vector | undefined): Readonly<Record<string, number>> {
  const {
    heads,
    kvHeads,
    headDim,
    kvBlocks,
    slotPages = 0,
    scale,
    window = 0,
    softcap = 0,
    causal = true,
  } = shape;
  if (heads % kvHeads !== 0 || headDim % 4 !== 0 || headDim > MAX_HEAD_DIM)
    throw new RangeError(`Attention of ${heads} heads of ${headDim} elements on ${kvHeads}`);
  if (window > 0 && !causal) throw new RangeError("Attention with a window is causal");
  return {
    HEADS: heads,
    KV_HEADS: kvHeads,
    HEAD_DIM: headDim,
    KV_BLOCKS: kvBlocks,
    SLOT_PAGES: slotPages,
    // the shader computes tanh(x) from 2^(2 log2(e) x)
    SCALE: (softcap > 0 ? (2 * scale) / softcap : scale) * Math.LOG2E,
    CAP: softcap * Math.LOG2E,
    WINDOW: window,
    CAUSAL: causal ? 1 : 0,
    ...(sinks ? { SINKS_AT: sinks.at } : {}),
  };
}
