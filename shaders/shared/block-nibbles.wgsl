// The 16 bytes of a 4-bit block: byte j holds element j in its low nibble and element j + 16 in its high one.
// A word of the kernels holds eight consecutive elements, so the nibbles of two words of the file, low ones
// then high ones, are gathered into words 0 and 2 (first eight bytes) and 1 and 3 (last eight).

// The low nibbles of four bytes, in the low half of a word.
fn gather(bytes: u32) -> u32 {
  let low = bytes & 0x0f0f0f0fu;
  let pairs = (low | (low >> 4u)) & 0x00ff00ffu;
  return (pairs | (pairs >> 8u)) & 0xffffu;
}

fn read_nibbles(offset: u32) -> array<u32, 4> {
  var words: array<u32, 4>;
  for (var half = 0u; half < 2u; half++) {
    let a = raw_u32(offset + 8u * half);
    let b = raw_u32(offset + 8u * half + 4u);
    words[half] = gather(a) | (gather(b) << 16u);
    words[2u + half] = gather(a >> 4u) | (gather(b >> 4u) << 16u);
  }
  return words;
}
