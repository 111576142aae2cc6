// Paged KV cache of one layer, keys first, then values. A block holds BLOCK positions; the block table says which page, a
// physical block, holds which block of a sequence: kv[half][page][KV head][position in the block][HEAD_DIM / 4] in units of
// real4. Who imports this declares the binding `block_table`.
#import real
override KV_HEADS: u32;
override HEAD_DIM: u32;      // multiple of 4
override KV_BLOCKS: u32;     // physical blocks in the cache
override SLOT_PAGES: u32;    // entries of the block table for each slot
const BLOCK = 16u;

// The page that holds positions block * BLOCK and following of the sequence in `slot`.
fn page_of(slot: u32, block: u32) -> u32 { return block_table[slot * SLOT_PAGES + block]; }

// Index (in real4) of the first element of the key of `head`, `at` positions from the beginning of a page.
fn key_index(page: u32, at: u32, head: u32) -> u32 {
  return ((page * KV_HEADS + head) * BLOCK + at) * (HEAD_DIM / 4u);
}

fn value_index(page: u32, at: u32, head: u32) -> u32 {
  return key_index(page + KV_BLOCKS, at, head);
}
