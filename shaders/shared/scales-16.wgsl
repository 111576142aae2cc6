// Scales of Q6_K and Q3_K, a signed byte for 16 columns, and their codes' `BIAS`:
//   scales[group][column / 256][0], [1] = the f16 scales of the 4 rows
//   scales[group][column / 256][2 + column / 16 % 16] = the 4 rows' scales, a byte each
// A weight is (scale * byte) * (code - BIAS), all products exact.
#import byte-values
override K: u32;             // columns, multiple of 256
const UNITS_PER_SCALE = 2u;

@group(0) @binding(1) var<storage, read> scales: array<u32>;

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let first = (group * (K / 256u) + scale_block / 16u) * 18u;
  return half_values(vec2u(scales[first], scales[first + 1u]))
    * signed_byte_values(scales[first + 2u + scale_block % 16u]);
}

// The same of one row of the group.
fn row_scale(group: u32, scale_block: u32, row: u32) -> f32 {
  let first = (group * (K / 256u) + scale_block / 16u) * 18u;
  let pair = unpack2x16float(scales[first + row / 2u]);
  let byte = bitcast<i32>(scales[first + 2u + scale_block % 16u] << (24u - row * 8u)) >> 24u;
  return select(pair.x, pair.y, row % 2u == 1u) * f32(byte);
}

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return scale_values(group, scale_block) * (codes - BIAS * sum);
}
