// Eight nibbles of eight bytes, in the bytes' order: the low ones (shift 0) or the high ones (4).
fn gather_nibbles(offset: u32, shift: u32) -> u32 {
  return gather(raw_u32(offset) >> shift) | (gather(raw_u32(offset + 4u) >> shift) << 16u);
}

// The low nibbles of four bytes, in the low half of a word.
fn gather(bytes: u32) -> u32 {
  let low = bytes & 0x0f0f0f0fu;
  let pairs = (low | (low >> 4u)) & 0x00ff00ffu;
  return (pairs | (pairs >> 8u)) & 0xffffu;
}
