// An IQ3_XXS block of 256: f16 scale, 64 bytes of points, then 4 bytes of signs and scale for 32 columns each.
#import block-codebook
const BLOCK_BYTES = 98u;
const BLOCK_WORDS = 24u;
const TABLE = 256u;
const BLOCK_SCALES = 2u;

// For 32 columns: two words of points, then one of signs.
fn block_word(offset: u32, i: u32) -> u32 {
  let part = i / 3u;
  if (i % 3u == 2u) { return raw_u32(offset + 66u + part * 4u); }
  return raw_u32(offset + 2u + part * 8u + i % 3u * 4u);
}

fn write_scales(target_block: u32, rows: vec4u) {
  write_halves(first_scale(target_block), halves_across(rows, 0u));
}
