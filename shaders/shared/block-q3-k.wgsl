// A Q3_K block of 256: 32 bytes of high bits (bit n of them for elements 32n..32n+31), 64 bytes of low bit pairs,
// 12 bytes of scales of 6 bits, f16 scale. Of 128 elements, 32 bytes hold the pairs (lowest pair elements 0..31,
// and so on). Scales become signed bytes.
#import code-bytes
#import block-scales-16
const BLOCK_BYTES = 110u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 24u;
const SCALE_AT = 108u;

// For 32 columns: a word of pairs for each two units, then one of high bits.
fn block_word(offset: u32, i: u32) -> u32 {
  let part = i / 3u;
  if (i % 3u == 2u) { return merge_bits(offset, part); }
  return merge_pairs(offset + 32u + part / 4u * 32u + i % 3u * 16u, part % 4u * 2u);
}

// Nibbles of scales 0..7, low ones, and 8..15, high ones; then four bytes of their upper bit pairs.
fn scale_bytes(offset: u32, i: u32) -> u32 {
  if (offset >= ABSENT) { return 0u; }
  let low = (raw_u32(offset + 96u + i % 2u * 4u) >> (i / 2u * 4u)) & 0x0f0f0f0fu;
  let high = (raw_u32(offset + 104u) >> (2u * i)) & 0x03030303u;
  // 32 less, as a signed byte: bit 5 turned, and copied into bits 6 and 7
  let code = (low | (high << 4u)) ^ 0x20202020u;
  let sign = code & 0x20202020u;
  return code | (sign << 1u) | (sign << 2u);
}
