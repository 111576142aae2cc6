// Scales and minima of Q4_K and Q5_K, 6 bits each for 32 columns, in bytes here:
//   scales[group][column / 256][0], [1] = the f16 scales and the f16 minima of the 4 rows
//   scales[group][column / 256][2 + column / 32 % 8] = the 4 rows' scales (x), then their minima (y), a byte each
// A weight is (scale * byte) * code - minimum * byte, all products exact.
#import byte-values
override K: u32;             // columns, multiple of 256
const UNITS_PER_SCALE = 4u;

@group(0) @binding(1) var<storage, read> scales: array<vec2u>;

struct ScaleMin {
  scale: vec4f,
  minimum: vec4f,
}

fn scale_min(group: u32, scale_block: u32) -> ScaleMin {
  let first = (group * (K / 256u) + scale_block / 8u) * 10u;
  let s = scales[first + 2u + scale_block % 8u];
  return ScaleMin(
    half_values(scales[first]) * byte_values(s.x), half_values(scales[first + 1u]) * byte_values(s.y));
}

// The same of one row of the group: its scale, then its minimum.
fn row_scale_min(group: u32, scale_block: u32, row: u32) -> vec2f {
  let first = (group * (K / 256u) + scale_block / 8u) * 10u;
  let s = (scales[first + 2u + scale_block % 8u] >> vec2u(row * 8u)) & vec2u(255u);
  let pair = vec4f(unpack2x16float(scales[first][row / 2u]), unpack2x16float(scales[first + 1u][row / 2u]));
  return select(pair.xz, pair.yw, row % 2u == 1u) * vec2f(vec2i(s));
}

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  let s = scale_min(group, scale_block);
  return s.scale * codes - s.minimum * sum;
}
