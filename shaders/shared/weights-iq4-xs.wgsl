// IQ4_XS weights W[N, K] as repack.wgsl lays them out: codes as in mapped-nibbles.wgsl,
//   scales[group][column / 256][0], [1] = the f16 scales of the 4 rows
//   scales[group][column / 256][2 + column / 32 % 8] = the 4 rows' scales of 32 columns, a signed byte each
// A weight is (scale * byte) * value, all products exact.
#import mapped-nibbles
#import nibble-codes
#import values-iq4
#import byte-values

@group(0) @binding(1) var<storage, read> scales: array<u32>;

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let first = (group * (K / 256u) + scale_block / 8u) * 10u;
  return half_values(vec2u(scales[first], scales[first + 1u]))
    * signed_byte_values(scales[first + 2u + scale_block % 8u]);
}
