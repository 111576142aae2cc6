// IQ2_XXS weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit / 4][0] = one u32 for each of the 4 rows: a byte for each of 4 units, the point of the codebook
//   words[group][unit / 4][1] = 7 sign bits of each of 4 units, the lowest first, then a scale of 4 bits
//   scales[TABLE + ..][group][column / 256] = the f16 scales of the 4 rows
// A weight is f16 scale * (scale + 1/2) / 4 * element, all products exact.
#import signed-codebook
const UNITS_PER_SCALE = 4u;
const TABLE = 512u;

fn picks(group: u32, unit: u32) -> Picks {
  let first = (group * (K / 32u) + unit / 4u) * 2u;
  let point = ((words[first] >> vec4u(unit % 4u * 8u)) & vec4u(255u)) * 2u;
  let signs = (words[first + 1u] >> vec4u(unit % 4u * 7u)) & vec4u(127u);
  return Picks(point, point + 1u, even_signs(signs));
}

fn scale_values(group: u32, scale_block: u32) -> vec4f {
  let s = words[(group * (K / 32u) + scale_block) * 2u + 1u] >> vec4u(28u);
  return block_scales(TABLE + (group * (K / 256u) + scale_block / 8u) * 2u) * (vec4f(s) * 0.25 + 0.125);
}
