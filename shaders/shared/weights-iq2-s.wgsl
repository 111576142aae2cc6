// IQ2_S weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit / 4][0] = one u32 for each of the 4 rows: a byte for each of 4 units, the lower 8 bits of the
//     point of the codebook
//   words[group][unit / 4][1] = a byte for each of 4 units, its sign bits
//   scales[TABLE + ..][group][column / 256][0], [1] = the f16 scales of the 4 rows
//   scales[TABLE + ..][group][column / 256][2 + column / 32 % 8 * 2] = a byte of each of the 4 rows: the upper 2 bits
//     of the points of 4 units
//   scales[TABLE + ..][group][column / 256][3 + column / 32 % 8 * 2] = a byte of each of the 4 rows: scale of the first
//     16 columns in the low nibble, of the others in the high one
// A weight is f16 scale * (scale + 1/2) / 4 * element, all products exact.
#import signed-codebook
const UNITS_PER_SCALE = 2u;
const TABLE = 2048u;

fn picks(group: u32, unit: u32) -> Picks {
  let first = (group * (K / 32u) + unit / 4u) * 2u;
  let upper = scales[TABLE + (group * (K / 256u) + unit / 32u) * 18u + 2u + unit / 4u % 8u * 2u];
  let low = (words[first] >> vec4u(unit % 4u * 8u)) & vec4u(255u);
  let high = (bytes_of_rows(upper) >> vec4u(unit % 4u * 2u)) & vec4u(3u);
  let point = (low | (high << vec4u(8u))) * 2u;
  return Picks(point, point + 1u, (words[first + 1u] >> vec4u(unit % 4u * 8u)) & vec4u(255u));
}

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let first = TABLE + (group * (K / 256u) + scale_block / 16u) * 18u;
  let s = bytes_of_rows(scales[first + 3u + scale_block / 2u % 8u * 2u] >> (scale_block % 2u * 4u)) & vec4u(15u);
  return block_scales(first) * (vec4f(s) * 0.25 + 0.125);
}
