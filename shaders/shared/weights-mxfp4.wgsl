// MXFP4 weights W[N, K] as repack.wgsl lays them out: codes as in mapped-nibbles.wgsl,
//   scales[group][unit / 4] = the 4 rows' exponents, a byte each
// A weight is 2^(exponent - 128) * value, where the value is twice the E2M1 number of the code.
#import mapped-nibbles
#import values-e2m1

@group(0) @binding(1) var<storage, read> scales: array<u32>;

// Exponents 0 and 1 are subnormal numbers: their bits, like those of the others, are put together here.
fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let e = (vec4u(scales[group * (K / 32u) + scale_block]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
  return bitcast<vec4f>(select((e - 1u) << vec4u(23u), vec4u(0x00200000u) << e, e < vec4u(2u)));
}
