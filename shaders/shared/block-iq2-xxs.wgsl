// An IQ2_XXS block of 256: f16 scale, then for 32 columns 4 bytes of points and 4 bytes of signs and scale.
#import block-codebook
const BLOCK_BYTES = 66u;
const BLOCK_WORDS = 16u;
const TABLE = 512u;
const BLOCK_SCALES = 2u;

fn block_word(offset: u32, i: u32) -> u32 { return raw_u32(offset + 2u + 4u * i); }

fn write_scales(target_block: u32, rows: vec4u) {
  write_halves(first_scale(target_block), halves_across(rows, 0u));
}
