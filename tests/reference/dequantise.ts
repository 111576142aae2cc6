import type { WeightType } from "../../src/kernels/weights.ts";
import { BLOCKS, type BlockType, isBlockType, readBlock } from "./blocks.ts";
import { CODED_BLOCKS, codedValues, isCodedType, readCodedBlock } from "./coded-blocks.ts";

/** Bytes of a GGUF matrix as numbers, one element at a time as its format says, each rounded to f32 once. */
export function dequantise(
  type: WeightType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  if (isBlockType(type)) return dequantiseBlocks(type, bytes);
  if (isCodedType(type)) {
    const { columns: size, bytes: blockBytes } = CODED_BLOCKS[type];
    const values = new Float32Array(rows * columns);
    for (let block = 0; block < values.length / size; block++) {
      const parts = readCodedBlock(type, bytes, block * blockBytes);
      values.set(codedValues(type, parts, halfToNumber), block * size);
    }
    return values;
  }
  const out = new Float32Array(rows * columns);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const half = (offset: number): number => halfToNumber(view.getUint16(offset, true));
  for (let i = 0; i < out.length; i++) {
    const block = Math.floor(i / 32);
    const j = i % 32;
    // 16 bytes of a 4-bit block: low nibbles are elements 0..15, high nibbles 16..31
    const nibble = (start: number): number => (j < 16 ? bytes[start + j]! & 15 : bytes[start + j - 16]! >> 4);
    switch (type) {
      case "F32":
        out[i] = view.getFloat32(4 * i, true);
        break;
      case "F16":
        out[i] = half(2 * i);
        break;
      case "BF16":
        out[i] = bfloatToNumber(view.getUint16(2 * i, true));
        break;
      case "Q8_0":
        out[i] = half(34 * block) * view.getInt8(34 * block + 2 + j);
        break;
      case "Q4_0":
        out[i] = half(18 * block) * (nibble(18 * block + 2) - 8);
        break;
      case "Q4_1":
        out[i] = half(20 * block) * nibble(20 * block + 4) + half(20 * block + 2);
        break;
    }
  }
  return out;
}

/** All products are exact in f32: only the last sum is rounded. */
function dequantiseBlocks(type: BlockType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { columns, bytes: blockBytes } = BLOCKS[type];
  const out = new Float32Array((bytes.length / blockBytes) * columns);
  for (let block = 0; block < bytes.length / blockBytes; block++) {
    const { codes, bias, scaleColumns, scales, minima, ...bits } = readBlock(type, bytes, block * blockBytes);
    const scale = halfToNumber(bits.scaleBits);
    const least = halfToNumber(bits.leastBits);
    codes.forEach((code, i) => {
      const s = Math.floor(i / scaleColumns);
      out[block * columns + i] = scale * scales[s]! * (code - bias) + least * minima[s]!;
    });
  }
  return out;
}

/** IEEE 754 binary16. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits * 65536);
  return view.getFloat32(0);
}
