import type { WeightType } from "../../src/kernels/weights.ts";

/** GGUF types whose blocks are read here, part by part. */
export const BLOCK_TYPES = ["Q4_K", "Q6_K", "Q5_K", "Q5_0", "Q5_1", "Q3_K", "Q2_K"] as const;
export type BlockType = (typeof BLOCK_TYPES)[number];

export function isBlockType(type: WeightType): type is BlockType & WeightType {
  return (BLOCK_TYPES as readonly string[]).includes(type);
}

/** Element i is `scale * scales[s] * (codes[i] - bias) + least * minima[s]` where `s = floor(i / scaleColumns)`. */
export interface Block {
  /** As they are stored, not negative. */
  codes: number[];
  bias: number;
  scaleColumns: number;
  /** Half-precision numbers as bits; 0 where the type has none. */
  scaleBits: number;
  leastBits: number;
  /** `minima` are negative where the type subtracts. */
  scales: number[];
  minima: number[];
}

/** Columns of a block, and its bytes in the file. */
export const BLOCKS: Readonly<Record<BlockType, { columns: number; bytes: number }>> = {
  Q4_K: { columns: 256, bytes: 144 },
  Q6_K: { columns: 256, bytes: 210 },
  Q5_K: { columns: 256, bytes: 176 },
  Q5_0: { columns: 32, bytes: 22 },
  Q5_1: { columns: 32, bytes: 24 },
  Q3_K: { columns: 256, bytes: 110 },
  Q2_K: { columns: 256, bytes: 84 },
};

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Reads the block that begins at `at`, one element at a time. */
export function readBlock(type: BlockType, bytes: Uint8Array, at: number): Block {
  const byte = (offset: number): number => bytes[at + offset]!;
  const half = (offset: number): number => byte(offset) + 256 * byte(offset + 1);
  const bits = (offset: number, shift: number, count: number): number =>
    (byte(offset) >> shift) & ((1 << count) - 1);
  const elements = range(BLOCKS[type].columns);
  const plain = { scaleColumns: 32, bias: 0, leastBits: 0, scales: [1], minima: [0] };
  switch (type) {
    case "Q5_0":
    case "Q5_1": {
      const header = type === "Q5_0" ? 2 : 4;
      return {
        ...plain,
        codes: elements.map(
          i =>
            bits(header + 4 + (i % 16), i < 16 ? 0 : 4, 4) + 16 * bits(header + Math.floor(i / 8), i % 8, 1),
        ),
        scaleBits: half(0),
        ...(type === "Q5_0" ? { bias: 16 } : { leastBits: half(2), minima: [1] }),
      };
    }
    case "Q4_K":
    case "Q5_K": {
      // 64 elements in 32 bytes; the fifth bits of 32 elements are bit n of 32 bytes
      const nibbles = type === "Q4_K" ? 16 : 48;
      const nibble = (i: number): number =>
        bits(nibbles + 32 * Math.floor(i / 64) + (i % 32), i % 64 < 32 ? 0 : 4, 4);
      const fifth = (i: number): number => (type === "Q4_K" ? 0 : bits(16 + (i % 32), Math.floor(i / 32), 1));
      const six = (j: number, first: number): number =>
        j < 4
          ? bits(first + j, 0, 6)
          : bits(12 + j - 4, first === 4 ? 0 : 4, 4) + 16 * bits(first + j - 4, 6, 2);
      return {
        ...plain,
        codes: elements.map(i => nibble(i) + 16 * fifth(i)),
        scaleBits: half(0),
        leastBits: half(2),
        scales: range(8).map(j => six(j, 4)),
        minima: range(8).map(j => -six(j, 8)),
      };
    }
    case "Q6_K": {
      const low = (i: number): number => bits(64 * Math.floor(i / 128) + (i % 64), i % 128 < 64 ? 0 : 4, 4);
      const high = (i: number): number =>
        bits(128 + 32 * Math.floor(i / 128) + (i % 32), 2 * Math.floor((i % 128) / 32), 2);
      return {
        codes: elements.map(i => low(i) + 16 * high(i)),
        bias: 32,
        scaleColumns: 16,
        scaleBits: half(208),
        leastBits: 0,
        scales: range(16).map(j => (byte(192 + j) << 24) >> 24),
        minima: range(16).map(() => 0),
      };
    }
    case "Q3_K": {
      const low = (i: number): number =>
        bits(32 + 32 * Math.floor(i / 128) + (i % 32), 2 * Math.floor((i % 128) / 32), 2);
      const high = (i: number): number => bits(i % 32, Math.floor(i / 32), 1);
      return {
        codes: elements.map(i => low(i) + 4 * high(i)),
        bias: 4,
        scaleColumns: 16,
        scaleBits: half(108),
        leastBits: 0,
        scales: range(16).map(
          j => bits(96 + (j % 8), j < 8 ? 0 : 4, 4) + 16 * bits(104 + (j % 4), 2 * Math.floor(j / 4), 2) - 32,
        ),
        minima: range(16).map(() => 0),
      };
    }
    case "Q2_K":
      return {
        codes: elements.map(i =>
          bits(16 + 32 * Math.floor(i / 128) + (i % 32), 2 * Math.floor((i % 128) / 32), 2),
        ),
        bias: 0,
        scaleColumns: 16,
        scaleBits: half(80),
        leastBits: half(82),
        scales: range(16).map(j => bits(j, 0, 4)),
        minima: range(16).map(j => -bits(j, 4, 4)),
      };
  }
}
