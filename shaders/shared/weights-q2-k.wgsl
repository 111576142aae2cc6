// Q2_K weights W[N, K] as repack.wgsl lays them out: codes as in codes-2-bit.wgsl,
//   scales[group][column / 256][0], [1] = the f16 scales and the f16 minima of the 4 rows
//   scales[group][column / 256][2 + column / 32 % 8][column / 16 % 2] = a byte of each of the 4 rows: scale in the
//     low nibble, minimum in the high one
// A weight is (scale * nibble) * code - minimum * nibble, all products exact.
#import codes-2-bit
override K: u32;             // columns, multiple of 256
const UNITS_PER_SCALE = 2u;

@group(0) @binding(1) var<storage, read> scales: array<vec2u>;

struct ScaleMin {
  scale: vec4f,
  minimum: vec4f,
}

fn scale_min(group: u32, scale_block: u32) -> ScaleMin {
  let first = (group * (K / 256u) + scale_block / 16u) * 10u;
  let s = scales[first + 2u + scale_block / 2u % 8u][scale_block % 2u];
  return ScaleMin(
    half_values(scales[first]) * byte_values(s & 0x0f0f0f0fu),
    half_values(scales[first + 1u]) * byte_values((s >> 4u) & 0x0f0f0f0fu));
}

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  let s = scale_min(group, scale_block);
  return s.scale * codes - s.minimum * sum;
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let codes = unit_codes(row / 4u, unit);
  let s = scale_min(row / 4u, unit / 2u);
  let scale = s.scale[row % 4u];
  let minimum = s.minimum[row % 4u];
  return Unit(
    scale * byte_values(codes.a[row % 4u]) - minimum, scale * byte_values(codes.b[row % 4u]) - minimum);
}
