// An IQ3_S block of 256: f16 scale, 64 bytes of points, 8 of their ninth bits, 32 of signs, 4 of scales.
#import block-codebook
const BLOCK_BYTES = 110u;
const BLOCK_WORDS = 24u;
const TABLE = 512u;
const BLOCK_SCALES = 14u;

// For 32 columns: two words of points, then one of signs.
fn block_word(offset: u32, i: u32) -> u32 {
  let part = i / 3u;
  if (i % 3u == 2u) { return raw_u32(offset + 74u + part * 4u); }
  return raw_u32(offset + 2u + part * 8u + i % 3u * 4u);
}

fn write_scales(target_block: u32, rows: vec4u) {
  let first = first_scale(target_block);
  write_halves(first, halves_across(rows, 0u));
  write_bytes(first + 2u, 1u, rows, 66u, 8u);
  write_bytes(first + 10u, 1u, rows, 106u, 4u);
}
