// An IQ3_XXS block of 256: f16 scale, 64 bytes of points, then 4 bytes of signs and scale for 32 columns each.
#import block-iq3
const BLOCK_BYTES = 98u;
const TABLE = 256u;
const SIGNS = 66u;
const BLOCK_SCALES = 2u;

fn write_scales(target_block: u32, rows: vec4u) {
  write_halves(first_scale(target_block), halves_across(rows, 0u));
}
