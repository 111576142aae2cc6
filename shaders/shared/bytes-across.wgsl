// Byte `i` of each of four words, side by side.
fn bytes_across(words: vec4u, i: u32) -> u32 {
  let b = (words >> vec4u(8u * i)) & vec4u(255u);
  return b.x | (b.y << 8u) | (b.z << 16u) | (b.w << 24u);
}
