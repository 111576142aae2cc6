// Merged words, from bytes of the file (docs/kernels.md, Weights): elements 0..3 of a unit in the four bytes of a word,
// 4..7 beside them, then the next unit, as many as fit.

// Nibbles of eight bytes of the file, the low ones (shift 0) or the high ones (4).
fn merge_nibbles(offset: u32, shift: u32) -> u32 {
  return ((raw_u32(offset) >> shift) & 0x0f0f0f0fu) | (((raw_u32(offset + 4u) >> shift) & 0x0f0f0f0fu) << 4u);
}

// Pairs of bits at `shift` in each of 16 bytes of the file: two units.
fn merge_pairs(offset: u32, shift: u32) -> u32 {
  var word = 0u;
  for (var j = 0u; j < 4u; j++) { word |= ((raw_u32(offset + 4u * j) >> shift) & 0x03030303u) << (2u * j); }
  return word;
}

// Bit `shift` of each of 32 bytes of the file: four units.
fn merge_bits(offset: u32, shift: u32) -> u32 {
  var word = 0u;
  for (var j = 0u; j < 8u; j++) { word |= ((raw_u32(offset + 4u * j) >> shift) & 0x01010101u) << j; }
  return word;
}
