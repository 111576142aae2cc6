// A Q4_0 block of 32: f16 scale, then 16 bytes of nibbles.
#import block-nibbles
const BLOCK_BYTES = 18u;
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 4u;
struct Block {
  words: array<u32, 4>,
  scale: u32,
}
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

fn read_block(offset: u32) -> Block {
  return Block(read_nibbles(offset + 2u), raw_u16(offset));
}

fn write_scales(target_block: u32, rows: array<Block, 4>) {
  scales[target_block] = vec2u(
    rows[0].scale | (rows[1].scale << 16u), rows[2].scale | (rows[3].scale << 16u));
}
