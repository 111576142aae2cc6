// A Q4_1 block of 32: f16 scale, f16 minimum, then 16 bytes of nibbles: byte j holds element j in its low nibble
// and element j + 16 in its high one.
#import gather-nibbles
#import halves-across
const BLOCK_BYTES = 20u;
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 4u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec4u>;

fn block_word(offset: u32, i: u32) -> u32 { return gather_nibbles(offset + 4u + i % 2u * 8u, i / 2u * 4u); }

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] = vec4u(halves_across(rows, 0u), halves_across(rows, 2u));
}
