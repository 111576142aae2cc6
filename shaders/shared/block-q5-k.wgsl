// A Q5_K block of 256: head of 16 bytes, 32 bytes of fifth bits (bit n of them for elements 32n..32n+31), then 128
// bytes of nibbles. 32 bytes hold 64 elements: the low nibbles the first 32, the high ones the others.
#import code-bytes
#import block-scales-32-min
const BLOCK_BYTES = 176u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 40u;

// For 32 columns: one word of nibbles for each unit, then one of fifth bits.
fn block_word(offset: u32, i: u32) -> u32 {
  let part = i / 5u;
  let unit = i % 5u;
  if (unit == 4u) { return merge_bits(offset + 16u, part); }
  return merge_nibbles(offset + 48u + part / 2u * 32u + unit * 8u, part % 2u * 4u);
}
