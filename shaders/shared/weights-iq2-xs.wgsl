// IQ2_XS weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit / 2] = one u32 for each of the 4 rows: 16 bits for each of 2 units: a point of the codebook in the
//     lower 9, sign bits in the upper 7
//   scales[TABLE + ..][group][column / 256][0], [1] = the f16 scales of the 4 rows
//   scales[TABLE + ..][group][column / 256][2 + column / 32 % 8] = a byte of each of the 4 rows: scale of the first 16
//     columns in the low nibble, of the others in the high one
// A weight is f16 scale * (scale + 1/2) / 4 * element, all products exact.
#import signed-codebook
const UNITS_PER_SCALE = 2u;
const TABLE = 1024u;

fn picks(group: u32, unit: u32) -> Picks {
  let codes = words[group * (K / 16u) + unit / 2u] >> vec4u(unit % 2u * 16u);
  let point = (codes & vec4u(511u)) * 2u;
  return Picks(point, point + 1u, even_signs((codes >> vec4u(9u)) & vec4u(127u)));
}

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let first = TABLE + (group * (K / 256u) + scale_block / 16u) * 10u;
  let s = bytes_of_rows(scales[first + 2u + scale_block / 2u % 8u] >> (scale_block % 2u * 4u)) & vec4u(15u);
  return block_scales(first) * (vec4f(s) * 0.25 + 0.125);
}
