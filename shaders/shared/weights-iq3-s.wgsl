// IQ3_S weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit / 4][unit / 2 % 2] = one u32 for each of the 4 rows: 16 bits for each of 2 units: the lower 8 bits
//     of the points of the codebook of elements 0..3 and 4..7
//   words[group][unit / 4][2] = a byte for each of 4 units, its sign bits
//   scales[TABLE + ..][group][column / 256][0], [1] = the f16 scales of the 4 rows
//   scales[TABLE + ..][group][column / 256][2 + column / 32 % 8] = a byte of each of the 4 rows: the ninth bits of the
//     points of 4 units, two each
//   scales[TABLE + ..][group][column / 256][10 + column / 64 % 4] = a byte of each of the 4 rows: scale of the first 32
//     columns in the low nibble, of the others in the high one
// A weight is f16 scale * (2 * scale + 1) * element, all products exact.
#import signed-codebook
const UNITS_PER_SCALE = 4u;
const TABLE = 512u;

fn picks(group: u32, unit: u32) -> Picks {
  let first = (group * (K / 32u) + unit / 4u) * 3u;
  let points = words[first + unit / 2u % 2u] >> vec4u(unit % 2u * 16u);
  let ninth = bytes_of_rows(scales[TABLE + (group * (K / 256u) + unit / 32u) * 14u + 2u + unit / 4u % 8u])
    >> vec4u(unit % 4u * 2u);
  return Picks(
    (points & vec4u(255u)) | ((ninth & vec4u(1u)) << vec4u(8u)),
    ((points >> vec4u(8u)) & vec4u(255u)) | ((ninth & vec4u(2u)) << vec4u(7u)),
    (words[first + 2u] >> vec4u(unit % 4u * 8u)) & vec4u(255u));
}

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let first = TABLE + (group * (K / 256u) + scale_block / 8u) * 14u;
  let s = bytes_of_rows(scales[first + 10u + scale_block / 2u % 4u] >> (scale_block % 2u * 4u)) & vec4u(15u);
  return block_scales(first) * (vec4f(s) * 2.0 + 1.0);
}
