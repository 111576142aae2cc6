import { UnsupportedModelError } from "../errors.ts";
import type { Binding } from "../gpu/step.ts";

/**
 * How each GGUF tensor type lies in GPU memory. Rows come in groups of 4 (missing ones are zeros), columns in
 * blocks as in the file: `words[group][block][word]` holds one u32 of each of the 4 rows; scales, where a type
 * has them, are `scales[group][block]`. Nothing is rounded, and nothing grows but the last group and the scales
 * of 6 bits, which become bytes.
 */
interface Format {
  /**
   * `shaders/shared/<module>.wgsl` reads it. `prepare` eight activations once for all rows, sum `unit_dot`
   * and the activations' `sum` over the up to UNITS_PER_SCALE units of a scale block, then `apply_scale`; or
   * take `unit_values`.
   */
  module: string;
  /** `shaders/shared/<block>.wgsl` makes it from the bytes of the file. */
  block: string;
  /** Columns of one block of the file, and the bytes that it takes there. */
  blockColumns: number;
  blockBytes: number;
  /** u32 words of a row in a block. */
  blockWords: number;
  /** Bytes of scales of a row in a block; 0 = no scales. */
  scaleBytes: number;
}

const FORMATS = {
  F32: {
    module: "weights-f32",
    block: "block-f32",
    blockColumns: 8,
    blockBytes: 32,
    blockWords: 8,
    scaleBytes: 0,
  },
  F16: {
    module: "weights-f16",
    block: "block-16-bit",
    blockColumns: 8,
    blockBytes: 16,
    blockWords: 4,
    scaleBytes: 0,
  },
  BF16: {
    module: "weights-bf16",
    block: "block-16-bit",
    blockColumns: 8,
    blockBytes: 16,
    blockWords: 4,
    scaleBytes: 0,
  },
  Q8_0: {
    module: "weights-q8-0",
    block: "block-q8-0",
    blockColumns: 32,
    blockBytes: 34,
    blockWords: 8,
    scaleBytes: 2,
  },
  Q4_0: {
    module: "weights-q4-0",
    block: "block-q4-0",
    blockColumns: 32,
    blockBytes: 18,
    blockWords: 4,
    scaleBytes: 2,
  },
  Q4_1: {
    module: "weights-q4-1",
    block: "block-q4-1",
    blockColumns: 32,
    blockBytes: 20,
    blockWords: 4,
    scaleBytes: 4,
  },
  Q4_K: {
    module: "weights-q4-k",
    block: "block-q4-k",
    blockColumns: 256,
    blockBytes: 144,
    blockWords: 32,
    scaleBytes: 20,
  },
  Q6_K: {
    module: "weights-q6-k",
    block: "block-q6-k",
    blockColumns: 256,
    blockBytes: 210,
    blockWords: 48,
    scaleBytes: 18,
  },
  Q5_K: {
    module: "weights-q5-k",
    block: "block-q5-k",
    blockColumns: 256,
    blockBytes: 176,
    blockWords: 40,
    scaleBytes: 20,
  },
  Q5_0: {
    module: "weights-q5-0",
    block: "block-q5-0",
    blockColumns: 32,
    blockBytes: 22,
    blockWords: 5,
    scaleBytes: 2,
  },
  Q5_1: {
    module: "weights-q5-1",
    block: "block-q5-1",
    blockColumns: 32,
    blockBytes: 24,
    blockWords: 5,
    scaleBytes: 4,
  },
  Q3_K: {
    module: "weights-q3-k",
    block: "block-q3-k",
    blockColumns: 256,
    blockBytes: 110,
    blockWords: 24,
    scaleBytes: 18,
  },
  Q2_K: {
    module: "weights-q2-k",
    block: "block-q2-k",
    blockColumns: 256,
    blockBytes: 84,
    blockWords: 16,
    scaleBytes: 20,
  },
} as const satisfies Record<string, Format>;

/** GGUF tensor types that the kernels read. */
export type WeightType = keyof typeof FORMATS;

export const WEIGHT_TYPES = Object.keys(FORMATS) as readonly WeightType[];

/** A matrix W[rows, columns] on the GPU, laid out for the kernels. */
export interface Weight {
  readonly type: WeightType;
  /** Output features; the buffers hold them rounded up to a multiple of 4. */
  readonly rows: number;
  /** Input features. */
  readonly columns: number;
  readonly words: GPUBuffer;
  /** null where the type has no scales. */
  readonly scales: GPUBuffer | null;
}

export interface WeightLayout {
  /** Bytes of the weight's two buffers; `scalesBytes` is 0 where the type has no scales. */
  wordsBytes: number;
  scalesBytes: number;
  /** The WGSL that reads it, for `imports: { weights: module }`. */
  module: string;
  /** The WGSL that makes it, for the repack kernel. */
  block: string;
  /** Bytes of one row in the file. */
  rowBytes: number;
  /** Threads of the repack kernel for a group of 4 rows. */
  blocksPerRow: number;
}

/** @throws UnsupportedModelError `shape` where the columns do not fill whole blocks of the type */
export function weightLayout(type: WeightType, rows: number, columns: number): WeightLayout {
  const { module, block, blockColumns, blockBytes, blockWords, scaleBytes } = FORMATS[type];
  if (rows < 1 || columns < 1 || columns % blockColumns !== 0) {
    throw new UnsupportedModelError(
      "shape",
      `A ${type} matrix of ${rows} x ${columns}: columns must come in multiples of ${blockColumns}. ` +
        "Use another model.",
      { details: { type, rows, columns, multiple: blockColumns } },
    );
  }
  const blocksPerRow = columns / blockColumns;
  const blocks = Math.ceil(rows / 4) * 4 * blocksPerRow;
  return {
    wordsBytes: blocks * blockWords * 4,
    scalesBytes: blocks * scaleBytes,
    module,
    block,
    rowBytes: blocksPerRow * blockBytes,
    blocksPerRow,
  };
}

/** Bindings 0 and 1 of a kernel that imports `weights`. */
export function weightBindings({ words, scales }: Weight): Record<number, Binding> {
  return scales ? { 0: words, 1: scales } : { 0: words };
}
