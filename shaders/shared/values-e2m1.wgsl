// E2M1 numbers of 4 bits, doubled: 0 1 2 3 4 6 8 12, and the same below zero. Shifted into place they are f16 numbers
// with the exponent 14 too small, the two smallest of them subnormal.
fn code_pair(word: u32) -> vec2f {
  return 0x1p15 * unpack2x16float(((word & 0x00070007u) << 9u) | ((word & 0x00080008u) << 12u));
}

// What the 8 nibbles of a word stand for.
fn code_values(word: u32) -> Unit {
  let p = code_pair(word);         // elements 0 and 4
  let q = code_pair(word >> 4u);   // 1 and 5
  let r = code_pair(word >> 8u);
  let s = code_pair(word >> 12u);
  return Unit(vec4f(p.x, q.x, r.x, s.x), vec4f(p.y, q.y, r.y, s.y));
}
