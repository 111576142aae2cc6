// A TQ2_0 block of 256: 64 bytes of codes of 2 bits, f16 scale. Of 128 elements, 32 bytes hold the codes (lowest pair
// of bits elements 0..31, and so on).
#import code-bytes
#import halves-across
const BLOCK_BYTES = 66u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 16u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

// A word for each two units.
fn block_word(offset: u32, i: u32) -> u32 {
  return merge_pairs(offset + i / 8u * 32u + i % 2u * 16u, i / 2u % 4u * 2u);
}

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] = halves_across(rows, 64u);
}
