import { UnsupportedModelError } from "../errors.ts";
import { tensorTypeNamed } from "../gguf/tensor-types.ts";
import type { Binding } from "../gpu/dispatch.ts";
import { type Codebook, codebookBytes } from "./codebooks.ts";

/**
 * How each GGUF tensor type lies in GPU memory. Rows come in groups of 4 (missing ones are zeros), columns in
 * blocks as in the file: `words[group][block][word]` holds one u32 of each of the 4 rows; scales, where a type
 * has them, are `scales[group][block]`. Nothing is rounded, and nothing grows but the last group, the scales of 6
 * bits, which become bytes, and the codes of TQ1_0, which become 2 bits.
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
  /** u32 words of a row in a block. */
  blockWords: number;
  /** Bytes of scales of a row in a block; 0 = no scales. */
  scaleBytes: number;
  /** The table that the codes are points of. It stands at the beginning of the scales. */
  codebook?: Codebook;
}

const FORMATS = {
  F32: {
    module: "weights-f32",
    block: "block-f32",
    blockWords: 8,
    scaleBytes: 0,
  },
  F16: {
    module: "weights-f16",
    block: "block-16-bit",
    blockWords: 4,
    scaleBytes: 0,
  },
  BF16: {
    module: "weights-bf16",
    block: "block-16-bit",
    blockWords: 4,
    scaleBytes: 0,
  },
  Q8_0: {
    module: "weights-q8-0",
    block: "block-q8-0",
    blockWords: 8,
    scaleBytes: 2,
  },
  Q6_K: {
    module: "weights-q6-k",
    block: "block-q6-k",
    blockWords: 48,
    scaleBytes: 18,
  },
  Q5_K: {
    module: "weights-q5-k",
    block: "block-q5-k",
    blockWords: 40,
    scaleBytes: 20,
  },
  Q5_0: {
    module: "weights-q5-0",
    block: "block-q5-0",
    blockWords: 5,
    scaleBytes: 2,
  },
  Q5_1: {
    module: "weights-q5-1",
    block: "block-q5-1",
    blockWords: 5,
    scaleBytes: 4,
  },
  Q4_K: {
    module: "weights-q4-k",
    block: "block-q4-k",
    blockWords: 32,
    scaleBytes: 20,
  },
  Q4_0: {
    module: "weights-q4-0",
    block: "block-q4-0",
    blockWords: 4,
    scaleBytes: 2,
  },
  Q4_1: {
    module: "weights-q4-1",
    block: "block-q4-1",
    blockWords: 4,
    scaleBytes: 4,
  },
  Q3_K: {
    module: "weights-q3-k",
    block: "block-q3-k",
    blockWords: 24,
    scaleBytes: 18,
  },
  Q2_K: {
    module: "weights-q2-k",
    block: "block-q2-k",
    blockWords: 16,
    scaleBytes: 20,
  },
  IQ4_NL: {
    module: "weights-iq4-nl",
    block: "block-q4-0",
    blockWords: 4,
    scaleBytes: 2,
  },
  IQ4_XS: {
    module: "weights-iq4-xs",
    block: "block-iq4-xs",
    blockWords: 32,
    scaleBytes: 10,
  },
  MXFP4: {
    module: "weights-mxfp4",
    block: "block-mxfp4",
    blockWords: 4,
    scaleBytes: 1,
  },
  IQ3_S: {
    module: "weights-iq3-s",
    block: "block-iq3-s",
    blockWords: 24,
    scaleBytes: 14,
    codebook: "IQ3_S",
  },
  IQ3_XXS: {
    module: "weights-iq3-xxs",
    block: "block-iq3-xxs",
    blockWords: 24,
    scaleBytes: 2,
    codebook: "IQ3_XXS",
  },
  IQ2_S: {
    module: "weights-iq2-s",
    block: "block-iq2-s",
    blockWords: 16,
    scaleBytes: 18,
    codebook: "IQ2_S",
  },
  IQ2_XS: {
    module: "weights-iq2-xs",
    block: "block-iq2-xs",
    blockWords: 16,
    scaleBytes: 10,
    codebook: "IQ2_XS",
  },
  IQ2_XXS: {
    module: "weights-iq2-xxs",
    block: "block-iq2-xxs",
    blockWords: 16,
    scaleBytes: 2,
    codebook: "IQ2_XXS",
  },
  IQ1_S: {
    module: "weights-iq1-s",
    block: "block-iq1-s",
    blockWords: 8,
    scaleBytes: 18,
    codebook: "IQ1",
  },
  IQ1_M: {
    module: "weights-iq1-m",
    block: "block-iq1-m",
    blockWords: 8,
    scaleBytes: 26,
    codebook: "IQ1",
  },
  TQ1_0: {
    module: "weights-tq2-0",
    block: "block-tq1-0",
    blockWords: 16,
    scaleBytes: 2,
  },
  TQ2_0: {
    module: "weights-tq2-0",
    block: "block-tq2-0",
    blockWords: 16,
    scaleBytes: 2,
  },
} as const satisfies Record<string, Format>;

/** Columns of a unit: what kernels read at a time. */
const UNIT_COLUMNS = 8;

/** GGUF tensor types that the kernels read. */
export type WeightType = keyof typeof FORMATS;

/** In the order in which messages name them. */
export const WEIGHT_TYPES = Object.keys(FORMATS) as readonly WeightType[];

export function isWeightType(type: string): type is WeightType {
  return Object.hasOwn(FORMATS, type);
}

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
  /** Stands at the beginning of the scales; null where the type has none. */
  codebook: Codebook | null;
  /** The WGSL that reads it, for `imports: { weights: module }`. */
  module: string;
  /** The WGSL that makes it, for the repack kernel. */
  block: string;
  /** Bytes of one row in the file. */
  rowBytes: number;
  /** Threads of the repack kernel for a group of 4 rows. */
  blocksPerRow: number;
  /**
   * What a product of one token waits for: memory where weights have 8 bits or more, else instructions, and with blocks of
   * 256 columns most of all those that decode their scales.
   */
  bound: "memory" | "instructions" | "scales";
}

/** @throws UnsupportedModelError `shape` where the columns do not fill whole blocks of the type */
export function weightLayout(type: WeightType, rows: number, columns: number): WeightLayout {
  const format: Format = FORMATS[type];
  const { module, block, blockWords, scaleBytes, codebook } = format;
  const { blockElements, blockBytes } = tensorTypeNamed(type)!; // WEIGHT_TYPES are GGUF's
  const blockColumns = Math.max(UNIT_COLUMNS, blockElements); // a type without blocks is read by the unit
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
    scalesBytes: (codebook ? codebookBytes(codebook) : 0) + blocks * scaleBytes,
    codebook: codebook ?? null,
    module,
    block,
    rowBytes: (columns / blockElements) * blockBytes,
    blocksPerRow,
    bound: blockColumns === 256 ? "scales" : blockWords * 4 >= blockColumns ? "memory" : "instructions",
  };
}

/** Bindings 0 and 1 of a kernel that imports `weights`. */
export function weightBindings({ words, scales }: Weight): Record<number, Binding> {
  return scales ? { 0: words, 1: scales } : { 0: words };
}
