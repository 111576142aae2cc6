// BF16 weights W[N, K], laid out as halves.wgsl says. A BF16 number is the upper half of an F32.
#import halves

fn word_values(word: u32) -> vec2f {
  return bitcast<vec2f>(vec2u(word << 16u, word & 0xffff0000u));
}
