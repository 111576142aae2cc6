#import integers

// The four bytes of a word as numbers.
fn byte_values(word: u32) -> vec4f {
  return whole4((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
}

fn signed_byte_values(word: u32) -> vec4f {
  return vec4f((bitcast<vec4i>(vec4u(word)) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

// The four f16 numbers of two words.
fn half_values(words: vec2u) -> vec4f {
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}
