// Q5_0 weights W[N, K] as repack.wgsl lays them out: codes as in codes-5-bit.wgsl,
//   scales[group][unit / 4] = the f16 scales of the 4 rows
// A weight is scale * (code - 16).
#import codes-5-bit
override K: u32;             // columns, multiple of 32
const UNITS_PER_SCALE = 4u;
const BIAS = 16.0;

@group(0) @binding(1) var<storage, read> scales: array<vec2u>;

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return half_values(scales[group * (K / 32u) + scale_block]) * (codes - BIAS * sum);
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let group = row / 4u;
  let codes = unit_codes(group, unit);
  let scale = half_values(scales[group * (K / 32u) + unit / 4u])[row % 4u];
  return Unit(
    scale * (byte_values(codes.a[row % 4u]) - BIAS), scale * (byte_values(codes.b[row % 4u]) - BIAS));
}
