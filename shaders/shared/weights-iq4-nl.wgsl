// IQ4_NL weights W[N, K] as repack.wgsl lays them out: codes as in mapped-nibbles.wgsl,
//   scales[group][unit / 4] = the f16 scales of the 4 rows
// A weight is scale * value.
#import mapped-nibbles
#import nibble-codes
#import values-iq4
#import byte-values

@group(0) @binding(1) var<storage, read> scales: array<vec2u>;

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  return half_values(scales[group * (K / 32u) + scale_block]);
}
