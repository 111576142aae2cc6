// Integers below 2^23 as numbers, exact: they are the low bits of a number whose last bit is worth 1. For the matrix units,
// which wait for dequantised weights: conversions are slow (an H100: one in eight of its additions).
fn whole4(bits: vec4u) -> vec4f { return bitcast<vec4f>(bits | vec4u(0x4b000000u)) - vec4f(0x1p23); }
