// Paged KV cache of one layer, keys first, then values. A block holds BLOCK positions; the block table says which
// physical block stands at a logical place: kv[half][physical block][KV head][slot][HEAD_DIM / 4] in units of real4.
#import real
override KV_HEADS: u32;
override HEAD_DIM: u32;      // multiple of 4
override KV_BLOCKS: u32;     // physical blocks in the cache
const BLOCK = 16u;

// Index (in real4) of the first element of the key of `head` at physical block `block`, slot `slot`.
fn key_index(block: u32, slot: u32, head: u32) -> u32 {
  return ((block * KV_HEADS + head) * BLOCK + slot) * (HEAD_DIM / 4u);
}

fn value_index(block: u32, slot: u32, head: u32) -> u32 {
  return key_index(block + KV_BLOCKS, slot, head);
}
