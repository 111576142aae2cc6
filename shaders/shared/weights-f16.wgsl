// F16 weights W[N, K], laid out as halves.wgsl says. Needs no shader-f16.
#import halves

fn word_values(word: u32) -> vec2f {
  return unpack2x16float(word);
}
