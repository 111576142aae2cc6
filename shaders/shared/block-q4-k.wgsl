// A Q4_K block of 256: head of 16 bytes, then 128 bytes of nibbles. 32 bytes hold 64 elements: the low nibbles
// the first 32, the high ones the others.
#import gather-nibbles
#import block-scales-32-min
const BLOCK_BYTES = 144u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 32u;

fn block_word(offset: u32, i: u32) -> u32 {
  return gather_nibbles(offset + 16u + i / 8u * 32u + i % 4u * 8u, i / 4u % 2u * 4u);
}
