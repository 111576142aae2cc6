// A TQ1_0 block of 256: 52 bytes of codes 0, 1, 2, five to a byte, f16 scale. Byte j < 32 holds elements j, j + 32, ..
// j + 128; the next 16 bytes hold elements 160..239 in the same way, 16 apart; the last 4 bytes 240..255, four each. A
// byte is the number of its digits in base 3, the first one highest, as a fraction of 243 in units of 1/256, rounded
// up. Codes become 2 bits, as in TQ2_0.
#import halves-across
const BLOCK_BYTES = 54u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 16u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

// Digit `n` of each of four bytes: what is left of the fraction after n digits, times 3, before the point.
fn digits(bytes: u32, n: u32) -> u32 {
  var power = 1u;
  for (var i = 0u; i < n; i++) { power *= 3u; }
  let lanes = 0x00ff00ffu;
  let even = (((bytes & lanes) * power) & lanes) * 3u;
  let odd = ((((bytes >> 8u) & lanes) * power) & lanes) * 3u;
  return ((even >> 8u) & 0x00030003u) | (odd & 0x03000300u);
}

// Elements e..e+3, one to a byte.
fn four_codes(offset: u32, e: u32) -> u32 {
  if (e < 160u) { return digits(raw_u32(offset + e % 32u), e / 32u); }
  if (e < 240u) { return digits(raw_u32(offset + 32u + e % 16u), (e - 160u) / 16u); }
  return digits(raw_u32(offset + 48u), (e - 240u) / 4u);
}

// A word for each two units.
fn block_word(offset: u32, i: u32) -> u32 {
  var word = 0u;
  for (var j = 0u; j < 4u; j++) { word |= four_codes(offset, i * 16u + j * 4u) << (2u * j); }
  return word;
}

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] = halves_across(rows, 52u);
}
