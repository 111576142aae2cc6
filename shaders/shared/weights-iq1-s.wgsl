// IQ1_S weights W[N, K] as repack.wgsl lays them out: points as in ternary-codebook.wgsl,
//   scales[TABLE + ..][group][column / 256][0], [1] = the f16 scales of the 4 rows
//   scales[TABLE + ..][group][column / 256][2 + column / 32 % 8 * 2], [3 + ..] = 16 bits of each of the 4 rows: the
//     upper 3 bits of the points of 4 units, a scale of 3 bits, the sign of 1/8
// A weight is f16 scale * (2 * scale + 1) * (element + or - 1/8), all products exact.
#import ternary-codebook
const UNITS_PER_SCALE = 4u;

fn part_at(group: u32, part: u32) -> vec4u {
  return halves_of_rows(TABLE + (group * (K / 256u) + part / 8u) * 18u + 2u + part % 8u * 2u);
}

fn unit_points(group: u32, unit: u32) -> vec4u {
  return points(group, unit, part_at(group, unit / 4u) >> vec4u(unit % 4u * 3u));
}

struct ScaleBias {
  scale: vec4f,
  bias: vec4f,
}

// Codes are one larger than elements.
fn scale_bias(group: u32, scale_block: u32) -> ScaleBias {
  let part = part_at(group, scale_block);
  return ScaleBias(
    block_scales(TABLE + (group * (K / 256u) + scale_block / 8u) * 18u)
      * vec4f(((part >> vec4u(11u)) & vec4u(14u)) | vec4u(1u)),
    vec4f(0.875) + vec4f(part >> vec4u(15u)) * 0.25);
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  return points_dot(unit_points(group, unit), x);
}

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  let s = scale_bias(group, scale_block);
  return s.scale * (codes - s.bias * sum);
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let s = scale_bias(row / 4u, unit / 4u);
  return point_values(unit_points(row / 4u, unit)[row % 4u], s.scale[row % 4u], s.bias[row % 4u]);
}
