// IQ1_M weights W[N, K] as repack.wgsl lays them out: points as in ternary-codebook.wgsl,
//   scales[TABLE + ..][group][column / 256][0], [1] = the f16 scales of the 4 rows
//   scales[TABLE + ..][group][column / 256][2 + column / 16 % 16] = a byte of each of the 4 rows, a nibble for each of
//     2 units: the upper 3 bits of the point, the sign of 1/8
//   scales[TABLE + ..][group][column / 256][18 + column / 64 % 4 * 2], [19 + ..] = 16 bits of each of the 4 rows: scales
//     of 3 bits of 16 columns each
// A weight is f16 scale * (2 * scale + 1) * (element + or - 1/8), all products exact.
#import ternary-codebook
const UNITS_PER_SCALE = 2u;

fn block_at(group: u32, unit: u32) -> u32 {
  return TABLE + (group * (K / 256u) + unit / 32u) * 26u;
}

// For the 4 rows: upper bits of the point, and sign.
fn unit_nibbles(group: u32, unit: u32) -> vec4u {
  return vec4u(scales[block_at(group, unit) + 2u + unit / 2u % 16u]) >> (vec4u(0u, 8u, 16u, 24u) + unit % 2u * 4u);
}

// Codes are one larger than elements.
fn biases(nibbles: vec4u) -> vec4f {
  return vec4f(0.875) + vec4f((nibbles >> vec4u(3u)) & vec4u(1u)) * 0.25;
}

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let first = block_at(group, scale_block * 2u);
  let part = halves_of_rows(first + 18u + scale_block / 4u % 4u * 2u) >> vec4u(scale_block % 4u * 3u);
  return block_scales(first) * (vec4f(part & vec4u(7u)) * 2.0 + 1.0);
}

// Sum over one unit of element (with its 1/8) * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let nibbles = unit_nibbles(group, unit);
  return points_dot(points(group, unit, nibbles), x) - biases(nibbles) * x.sum;
}

// Turns sums of `unit_dot` over the units of one scale block into weights times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return scale_values(group, scale_block) * codes;
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let nibbles = unit_nibbles(row / 4u, unit);
  let scale = scale_values(row / 4u, unit / 2u)[row % 4u];
  return point_values(points(row / 4u, unit, nibbles)[row % 4u], scale, biases(nibbles)[row % 4u]);
}
