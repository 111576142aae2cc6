// A block whose words stand in the file as the kernels want them, without scales.
struct Block {
  words: array<u32, BLOCK_WORDS>,
}

fn read_block(offset: u32) -> Block {
  var block: Block;
  for (var i = 0u; i < BLOCK_WORDS; i++) { block.words[i] = raw_u32(offset + 4u * i); }
  return block;
}

fn write_scales(target_block: u32, rows: array<Block, 4>) {}
