// A Q8_0 block of 32: f16 scale, then 32 signed bytes.
const BLOCK_BYTES = 34u;
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 8u;
struct Block {
  words: array<u32, 8>,
  scale: u32,
}
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

fn read_block(offset: u32) -> Block {
  var block: Block;
  block.scale = raw_u16(offset);
  for (var i = 0u; i < 8u; i++) { block.words[i] = raw_u32(offset + 2u + 4u * i); }
  return block;
}

fn write_scales(target_block: u32, rows: array<Block, 4>) {
  scales[target_block] = vec2u(
    rows[0].scale | (rows[1].scale << 16u), rows[2].scale | (rows[3].scale << 16u));
}
