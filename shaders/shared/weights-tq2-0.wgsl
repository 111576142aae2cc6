// TQ2_0 and TQ1_0 weights W[N, K] as repack.wgsl lays them out: codes as in codes-2-bit.wgsl,
//   scales[group][column / 256] = the f16 scales of the 4 rows
// A weight is scale * (code - 1).
#import codes-2-bit
override K: u32;             // columns, multiple of 256
const UNITS_PER_SCALE = 32u;

@group(0) @binding(1) var<storage, read> scales: array<vec2u>;

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return half_values(scales[group * (K / 256u) + scale_block]) * (codes - sum);
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let codes = unit_codes(row / 4u, unit);
  let scale = half_values(scales[row / 4u * (K / 256u) + unit / 32u])[row % 4u];
  return Unit(
    scale * (byte_values(codes.a[row % 4u]) - 1.0), scale * (byte_values(codes.b[row % 4u]) - 1.0));
}
