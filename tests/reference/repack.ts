import { type WeightType, weightLayout } from "../../src/kernels/weights.ts";

/** A GGUF matrix as the kernels expect it, one element at a time, straight from the layout's description. */
export function repackReference(
  type: WeightType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
): { words: Uint32Array; scales: Uint32Array | null } {
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
