// A Q8_0 block of 32: f16 scale, then 32 signed bytes.
#import halves-across
const BLOCK_BYTES = 34u;
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 8u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

fn block_word(offset: u32, i: u32) -> u32 { return raw_u32(offset + 2u + 4u * i); }

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] = halves_across(rows, 0u);
}
