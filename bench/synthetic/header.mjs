// The header of a GGUF file, version 3 (ggml/docs/gguf.md): entries, tensor descriptions, padding.

/**
 * One metadata value with its type.
 * @typedef {{ string: string } | { u32: number } | { f32: number } | { bool: boolean } | { strings: readonly string[] } | { i32s: readonly number[] } | { f32s: readonly number[] }} Value
 */

export const ALIGNMENT = 32;
const KIND = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 };

/** Rounded up to the alignment. @param {number} offset */
export const aligned = offset => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** @param {number} value */
function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** @param {number} value */
function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** @param {string} text */
function string(text) {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([u64(bytes.length), bytes]);
}

/** @param {Int32Array | Float32Array} numbers */
const raw = numbers => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/**
 * @param {Value} value
 * @returns {Buffer[]}
 */
function encode(value) {
  /** @param {number} kind @param {readonly unknown[]} items @param {Buffer[]} bytes */
  const array = (kind, items, bytes) => [u32(KIND.array), u32(kind), u64(items.length), ...bytes];
  if ("string" in value) return [u32(KIND.string), string(value.string)];
  if ("u32" in value) return [u32(KIND.u32), u32(value.u32)];
  if ("f32" in value) return [u32(KIND.f32), raw(Float32Array.of(value.f32))];
  if ("bool" in value) return [u32(KIND.bool), Buffer.of(value.bool ? 1 : 0)];
  if ("strings" in value) return array(KIND.string, value.strings, value.strings.map(string));
  if ("i32s" in value) return array(KIND.i32, value.i32s, [raw(Int32Array.from(value.i32s))]);
  return array(KIND.f32, value.f32s, [raw(Float32Array.from(value.f32s))]);
}

/**
 * @param {readonly [string, Value][]} entries
 * @param {readonly { name: string, dims: readonly number[], typeId: number, offset: number }[]} tensors offsets from the
 *   end of the header
 * @returns {Buffer} padded, so that the first tensor follows
 */
export function ggufHeader(entries, tensors) {
  const parts = [
    Buffer.from("GGUF"),
    u32(3),
    u64(tensors.length),
    u64(entries.length),
    ...entries.flatMap(([key, value]) => [string(key), ...encode(value)]),
    ...tensors.flatMap(({ name, dims, typeId, offset }) => [
      string(name),
      u32(dims.length),
      ...dims.map(u64),
      u32(typeId),
      u64(offset),
    ]),
  ];
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
}
