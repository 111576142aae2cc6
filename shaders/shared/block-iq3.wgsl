// What the blocks of 256 with points of 4 elements share: after two bytes of scale stand 64 bytes of points, and from
// byte `SIGNS` on 4 bytes for 32 columns each.
#import block-codebook
const BLOCK_WORDS = 24u;

// For 32 columns: two words of points, then one of signs.
fn block_word(offset: u32, i: u32) -> u32 {
  let part = i / 3u;
  if (i % 3u == 2u) { return raw_u32(offset + SIGNS + part * 4u); }
  return raw_u32(offset + 2u + part * 8u + i % 3u * 4u);
}
