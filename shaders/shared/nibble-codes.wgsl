// Eight 4-bit codes in a word, element i in bits 4i..4i+3, as numbers: elements 0..3 and 4..7.
#import integers

fn codes_a(w: u32) -> vec4f { return whole4(vec4u(w, w >> 4u, w >> 8u, w >> 12u) & vec4u(15u)); }
fn codes_b(w: u32) -> vec4f { return codes_a(w >> 16u); }
