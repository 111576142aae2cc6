import { codebookWords } from "../../src/kernels/codebooks.ts";
import { type WeightType, weightLayout } from "../../src/kernels/weights.ts";
import { BLOCKS, type BlockType, isBlockType, readBlock } from "./blocks.ts";
import { CODED_BLOCKS, type CodedType, isCodedType, packCodedBlock, readCodedBlock } from "./coded-blocks.ts";

/** A GGUF matrix as the kernels expect it, one element at a time, straight from the layout's description. */
export function repackReference(
  type: WeightType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
): { words: Uint32Array; scales: Uint32Array | null } {
  if (isBlockType(type)) return repackBlocks(type, bytes, rows, columns);
  if (isCodedType(type)) return repackCodedBlocks(type, bytes, rows, columns);
  const { wordsBytes, scalesBytes, rowBytes } = weightLayout(type, rows, columns);
  const words = new Uint32Array(wordsBytes / 4);
  const scales = scalesBytes > 0 ? new Uint16Array(scalesBytes / 2) : null;
  const bits = { F32: 32, F16: 16, BF16: 16, Q8_0: 8, Q4_0: 4, Q4_1: 4 }[type];
  const header = { F32: 0, F16: 0, BF16: 0, Q8_0: 2, Q4_0: 2, Q4_1: 4 }[type];
  const blockColumns = header > 0 ? 32 : 1;
  const blockBytes = header + (blockColumns * bits) / 8;
  const parts = bits / 4; // words of a row in a unit of 8 columns
  for (let row = 0; row < rows; row++) {
    const group = Math.floor(row / 4);
    for (let column = 0; column < columns; column++) {
      const block = row * rowBytes + Math.floor(column / blockColumns) * blockBytes;
      const j = column % blockColumns;
      let code = 0;
      if (bits === 4) code = (bytes[block + header + (j % 16)]! >> (j < 16 ? 0 : 4)) & 15;
      else for (let i = 0; i < bits / 8; i++) code += bytes[block + header + (j * bits) / 8 + i]! * 256 ** i;
      const bit = (column % 8) * bits; // in the row's part of the unit
      const part = (group * (columns / 8) + Math.floor(column / 8)) * parts + Math.floor(bit / 32);
      words[part * 4 + (row % 4)]! |= code << (bit % 32);
      if (scales && j === 0) {
        const first = (group * (columns / 32) + column / 32) * 2 * header;
        const half = (offset: number): number => bytes[block + offset]! + 256 * bytes[block + offset + 1]!;
        scales[first + (row % 4)] = half(0);
        if (header === 4) scales[first + 4 + (row % 4)] = half(2);
      }
    }
  }
  return { words, scales: scales && new Uint32Array(scales.buffer) };
}

/** Bits of a code in the words of low bits and in the words of high bits; Q4_K keeps nibbles in order. */
const CODE_BITS: Readonly<Record<BlockType, { low: number; high: number }>> = {
  Q4_K: { low: 4, high: 0 },
  Q6_K: { low: 4, high: 2 },
  Q5_K: { low: 4, high: 1 },
  Q5_0: { low: 4, high: 1 },
  Q5_1: { low: 4, high: 1 },
  Q3_K: { low: 2, high: 1 },
  Q2_K: { low: 2, high: 0 },
};

const HAS_MINIMA: Readonly<Record<BlockType, boolean>> = {
  Q4_K: true,
  Q6_K: false,
  Q5_K: true,
  Q5_0: false,
  Q5_1: true,
  Q3_K: false,
  Q2_K: true,
};

function repackBlocks(
  type: BlockType & WeightType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
): { words: Uint32Array; scales: Uint32Array } {
  const { wordsBytes, scalesBytes } = weightLayout(type, rows, columns);
  const words = new Uint32Array(wordsBytes / 4);
  const scales = new Uint8Array(scalesBytes);
  const { columns: blockColumns, bytes: blockBytes } = BLOCKS[type];
  const blocks = columns / blockColumns;
  const groupBlocks = Math.ceil(rows / 4) * blocks;
  const wordsOfBlock = words.length / groupBlocks / 4;
  const scalesOfBlock = scales.length / groupBlocks;
  const { low, high } = CODE_BITS[type];
  const lowColumns = 32 / low; // elements whose low bits fill a word
  const turn = high > 0 ? 32 / high : lowColumns; // elements after which the order of words repeats
  const turnWords = turn / lowColumns + (high > 0 ? 1 : 0);
  // element e of those in a word of b-bit codes: byte e % 4, and within the byte the (e / 4)th place
  const place = (e: number, b: number): number =>
    type === "Q4_K" ? 4 * e : 8 * (e % 4) + b * Math.floor(e / 4);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < blocks; i++) {
      const block = readBlock(type, bytes, (row * blocks + i) * blockBytes);
      const at = Math.floor(row / 4) * blocks + i;
      block.codes.forEach((code, j) => {
        const first = at * wordsOfBlock + Math.floor(j / turn) * turnWords;
        const lowWord = first + Math.floor((j % turn) / lowColumns);
        words[lowWord * 4 + (row % 4)]! |= (code % 2 ** low) << place(j % lowColumns, low);
        if (high === 0) return;
        const highWord = first + turn / lowColumns;
        words[highWord * 4 + (row % 4)]! |= (code >> low) << place(j % turn, high);
      });
      // halves of the 4 rows side by side, then bytes of the 4 rows side by side
      let next = at * scalesOfBlock;
      const put = (value: number, size: number): void => {
        for (let k = 0; k < size; k++) scales[next + (row % 4) * size + k] = value >> (8 * k);
        next += 4 * size;
      };
      put(block.scaleBits, 2);
      if (HAS_MINIMA[type]) put(block.leastBits, 2);
      if (blockColumns === 32) continue;
      block.scales.forEach((scale, j) => {
        if (type === "Q2_K") put(scale - 16 * block.minima[j]!, 1);
        else put(scale, 1);
        if (HAS_MINIMA[type] && type !== "Q2_K") put(-block.minima[j]!, 1);
      });
    }
  }
  return { words, scales: new Uint32Array(scales.buffer) };
}

function repackCodedBlocks(
  type: CodedType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
): { words: Uint32Array; scales: Uint32Array } {
  const { wordsBytes, scalesBytes, codebook } = weightLayout(type, rows, columns);
  const words = new Uint32Array(wordsBytes / 4);
  const scales = new Uint8Array(scalesBytes);
  const table = new Uint8Array(codebook ? codebookWords(codebook).buffer : []);
  scales.set(table);
  const { columns: blockColumns, bytes: blockBytes } = CODED_BLOCKS[type];
  const blocks = columns / blockColumns;
  const groupBlocks = Math.ceil(rows / 4) * blocks;
  const wordsOfBlock = words.length / groupBlocks / 4;
  const scalesOfBlock = (scales.length - table.length) / groupBlocks;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < blocks; i++) {
      const packed = packCodedBlock(type, readCodedBlock(type, bytes, (row * blocks + i) * blockBytes));
      const at = Math.floor(row / 4) * blocks + i;
      packed.words.forEach((word, j) => {
        words[(at * wordsOfBlock + j) * 4 + (row % 4)] = word;
      });
      let next = table.length + at * scalesOfBlock;
      for (const [value, size] of packed.scales) {
        for (let k = 0; k < size; k++) scales[next + (row % 4) * size + k] = value >> (8 * k);
        next += 4 * size;
      }
    }
  }
  return { words, scales: new Uint32Array(scales.buffer) };
}
