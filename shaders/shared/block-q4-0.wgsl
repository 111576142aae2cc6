// A Q4_0 block of 32: f16 scale, then 16 bytes of nibbles: byte j holds element j in its low nibble
// and element j + 16 in its high one.
#import gather-nibbles
#import halves-across
const BLOCK_BYTES = 18u;
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 4u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

fn block_word(offset: u32, i: u32) -> u32 { return gather_nibbles(offset + 2u + i % 2u * 8u, i / 2u * 4u); }

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] = halves_across(rows, 0u);
}
