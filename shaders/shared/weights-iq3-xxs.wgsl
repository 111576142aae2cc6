// IQ3_XXS weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit / 4][unit / 2 % 2] = one u32 for each of the 4 rows: 16 bits for each of 2 units: the points of
//     the codebook of elements 0..3 and 4..7, a byte each
//   words[group][unit / 4][2] = 7 sign bits of each of 4 units, the lowest first, then a scale of 4 bits
//   scales[TABLE + ..][group][column / 256] = the f16 scales of the 4 rows
// A weight is f16 scale * (scale + 1/2) / 2 * element, all products exact.
#import signed-codebook
const UNITS_PER_SCALE = 4u;
const TABLE = 256u;

fn picks(group: u32, unit: u32) -> Picks {
  let first = (group * (K / 32u) + unit / 4u) * 3u;
  let points = words[first + unit / 2u % 2u] >> vec4u(unit % 2u * 16u);
  let signs = (words[first + 2u] >> vec4u(unit % 4u * 7u)) & vec4u(127u);
  return Picks(points & vec4u(255u), (points >> vec4u(8u)) & vec4u(255u), even_signs(signs));
}

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let s = words[(group * (K / 32u) + scale_block) * 3u + 2u] >> vec4u(28u);
  return block_scales(TABLE + (group * (K / 256u) + scale_block / 8u) * 2u) * (vec4f(s) * 0.5 + 0.25);
}
