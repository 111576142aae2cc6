// A Q6_K block of 256: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed bytes of scales, f16 scale. Of
// 128 elements, 64 bytes hold the nibbles (low ones elements 0..63, high ones 64..127), and 32 bytes the pairs
// (lowest pair elements 0..31, and so on).
#import code-bytes
#import block-scales-16
const BLOCK_BYTES = 210u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 48u;
const SCALE_AT = 208u;

// For 16 columns: one word of nibbles for each unit, then one of pairs.
fn block_word(offset: u32, i: u32) -> u32 {
  let column = i / 3u * 16u;
  let half = column / 128u;
  let start = column % 128u;
  if (i % 3u == 2u) {
    return merge_pairs(offset + 128u + half * 32u + start % 32u, start / 32u * 2u);
  }
  return merge_nibbles(offset + half * 64u + start % 64u + i % 3u * 8u, start / 64u * 4u);
}

fn scale_bytes(offset: u32, i: u32) -> u32 { return raw_u32(offset + 192u + 4u * i); }
