// What the blocks of 256 with a codebook share: the table stands before all other scales, `TABLE` words long, and those
// of a block are `BLOCK_SCALES` words, of which the first two are the f16 scales.
#import bytes-across
#import halves-across
#import words-across
const BLOCK_UNITS = 32u;
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;

fn first_scale(target_block: u32) -> u32 { return TABLE + target_block * BLOCK_SCALES; }

fn write_halves(target_scale: u32, halves: vec2u) {
  scales[target_scale] = halves.x;
  scales[target_scale + 1u] = halves.y;
}

// `count` bytes from `offset` on, a multiple of 4: byte i of the 4 rows side by side, `stride` words apart.
fn write_bytes(target_scale: u32, stride: u32, rows: vec4u, offset: u32, count: u32) {
  for (var i = 0u; i < count; i++) {
    scales[target_scale + i * stride] = bytes_across(words_across(rows, offset + i / 4u * 4u), i % 4u);
  }
}
