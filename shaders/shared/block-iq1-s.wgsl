// An IQ1_S block of 256: f16 scale, 32 bytes of points, then 16 bits for 32 columns each: the points' upper bits, a
// scale and a sign.
#import block-codebook
const BLOCK_BYTES = 50u;
const BLOCK_WORDS = 8u;
const TABLE = 2048u;
const BLOCK_SCALES = 18u;

fn block_word(offset: u32, i: u32) -> u32 { return raw_u32(offset + 2u + 4u * i); }

fn write_scales(target_block: u32, rows: vec4u) {
  let first = first_scale(target_block);
  write_halves(first, halves_across(rows, 0u));
  for (var i = 0u; i < 8u; i++) { write_halves(first + 2u + 2u * i, halves_across(rows, 34u + 2u * i)); }
}
