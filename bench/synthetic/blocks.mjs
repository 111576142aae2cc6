// Random weights as valid blocks of a type, with scales that keep a model's activations and logits finite.
import { TYPES } from "./types.mjs";

/** Standard deviation of the weights, about that of trained models: a product of normed activations stays near 1. */
const SIGMA = 0.02;

/**
 * Marsaglia's xorshift: fast, and the same everywhere.
 * @param {number} seed
 * @returns {() => number} unsigned 32-bit integers
 */
export function random32(seed) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x6b43a9b5) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
  for (let i = 0; i < 8; i++) next();
  return next;
}

/**
 * IEEE half-precision bits, rounded to nearest, of a number within f16's range.
 * @param {number} value
 */
export function halfBits(value) {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size < 2 ** -14) return sign | Math.round(size * 2 ** 24); // subnormal; 1024 carries into the exponent rightly
  const exponent = Math.floor(Math.log2(size));
  return sign | (((exponent + 14) << 10) + Math.round((size / 2 ** exponent) * 1024)); // so does 2048
}

/**
 * Where the f16 scales of a block stand and how large they are, given that all other bits are random: weights then
 * have the standard deviation SIGMA and a mean of about 0.
 * @type {Partial<Record<import("./types.mjs").TensorType, { at: number, size: number }[]>>}
 */
const SCALES = {
  Q4_0: [{ at: 0, size: SIGMA / 4.6 }], // d (q - 8), q of 4 bits
  Q5_0: [{ at: 0, size: SIGMA / 9.2 }], // d (q - 16), q of 5 bits
  Q8_0: [{ at: 0, size: SIGMA / 74 }], // d q, q of 8 bits
  Q4_K: [
    { at: 0, size: SIGMA / 240 }, // d s q - e m, s and m of 6 bits, q of 4 bits
    { at: 2, size: (SIGMA / 240) * 7.5 }, // e: both parts have the same mean
  ],
  Q6_K: [{ at: 208, size: SIGMA / 1370 }], // d s (q - 32), s of 8 bits, q of 6 bits
};

/**
 * `blocks` random blocks.
 * @param {Exclude<import("./types.mjs").TensorType, "F32">} type
 * @param {number} blocks
 * @param {number} seed
 * @returns {Uint8Array}
 */
export function randomBlocks(type, blocks, seed) {
  const { bytes } = TYPES[type];
  const words = new Uint32Array(Math.ceil((blocks * bytes) / 4));
  const next = random32(seed);
  for (let i = 0; i < words.length; i++) words[i] = next();
  const data = new Uint8Array(words.buffer, 0, blocks * bytes);
  if (type === "F16") {
    // any sign and mantissa, exponents of 2^-7 and 2^-6: all sizes from 0.008 to 0.031
    for (const [i, bits] of words.entries()) words[i] = (bits & 0x87ff87ff) | 0x20002000;
    return data;
  }
  const view = new DataView(words.buffer);
  for (let block = 0; block < blocks; block++) {
    for (const { at, size } of SCALES[type] ?? []) {
      const spread = 0.5 + (next() >>> 8) / 2 ** 24;
      view.setUint16(block * bytes + at, halfBits(size * spread), true);
    }
  }
  return data;
}

/**
 * Small vectors in f32: norms near 1, biases near 0.
 * @param {number} count
 * @param {number} mean
 * @param {number} spread half the width of the range
 * @param {number} seed
 * @returns {Float32Array}
 */
export function randomVector(count, mean, spread, seed) {
  const next = random32(seed);
  return Float32Array.from({ length: count }, () => mean + spread * ((next() / 2 ** 32) * 2 - 1));
}
