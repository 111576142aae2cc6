// What the blocks of 32 with codes of 5 bits share: after `HEADER` bytes of scales stand the fifth bits of elements
// 0..31, then 16 bytes of nibbles: byte j holds element j in its low nibble and element j + 16 in its high one.
#import code-bytes
#import halves-across
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 5u;

// One word of nibbles for each unit, then one of fifth bits.
fn block_word(offset: u32, i: u32) -> u32 {
  if (i < 4u) { return merge_nibbles(offset + HEADER + 4u + i % 2u * 8u, i / 2u * 4u); }
  let bits = raw_u32(offset + HEADER);
  var word = 0u;
  for (var j = 0u; j < 8u; j++) {
    // four bits, one to a byte
    word |= ((((bits >> (4u * j)) & 15u) * 0x00204081u) & 0x01010101u) << j;
  }
  return word;
}
