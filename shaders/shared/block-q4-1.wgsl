// A Q4_1 block of 32: f16 scale, f16 minimum, then 16 bytes of nibbles.
#import block-nibbles
const BLOCK_BYTES = 20u;
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 4u;
struct Block {
  words: array<u32, 4>,
  scale: u32,
  minimum: u32,
}
@group(0) @binding(2) var<storage, read_write> scales: array<vec4u>;

fn read_block(offset: u32) -> Block {
  return Block(read_nibbles(offset + 4u), raw_u16(offset), raw_u16(offset + 2u));
}

fn write_scales(target_block: u32, rows: array<Block, 4>) {
  scales[target_block] = vec4u(
    rows[0].scale | (rows[1].scale << 16u), rows[2].scale | (rows[3].scale << 16u),
    rows[0].minimum | (rows[1].minimum << 16u), rows[2].minimum | (rows[3].minimum << 16u));
}
