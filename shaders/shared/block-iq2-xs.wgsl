// An IQ2_XS block of 256: f16 scale, 16 bits for each unit, 8 bytes of scales.
#import block-codebook
const BLOCK_BYTES = 74u;
const BLOCK_WORDS = 16u;
const TABLE = 1024u;
const BLOCK_SCALES = 10u;

fn block_word(offset: u32, i: u32) -> u32 { return raw_u32(offset + 2u + 4u * i); }

fn write_scales(target_block: u32, rows: vec4u) {
  let first = first_scale(target_block);
  write_halves(first, halves_across(rows, 0u));
  write_bytes(first + 2u, 1u, rows, 66u, 8u);
}
