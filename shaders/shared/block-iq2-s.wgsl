// An IQ2_S block of 256: f16 scale, 32 bytes of points, 32 of signs, 8 of the points' upper bits, 8 of scales.
#import block-codebook
const BLOCK_BYTES = 82u;
const BLOCK_WORDS = 16u;
const TABLE = 2048u;
const BLOCK_SCALES = 18u;

// For 32 columns: a word of points, then one of signs.
fn block_word(offset: u32, i: u32) -> u32 { return raw_u32(offset + 2u + i % 2u * 32u + i / 2u * 4u); }

fn write_scales(target_block: u32, rows: vec4u) {
  let first = first_scale(target_block);
  write_halves(first, halves_across(rows, 0u));
  write_bytes(first + 2u, 2u, rows, 66u, 8u);
  write_bytes(first + 3u, 2u, rows, 74u, 8u);
}
