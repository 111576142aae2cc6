// An IQ1_M block of 256: 32 bytes of points, 16 bytes with a nibble for each unit, then 16 bits for 64 columns each:
// four scales of 3 bits, and in the upper 4 bits a quarter of the f16 scale, the lowest quarter first.
#import block-codebook
const BLOCK_BYTES = 56u;
const BLOCK_WORDS = 8u;
const TABLE = 2048u;
const BLOCK_SCALES = 26u;

fn block_word(offset: u32, i: u32) -> u32 { return raw_u32(offset + 4u * i); }

fn write_scales(target_block: u32, rows: vec4u) {
  let first = first_scale(target_block);
  let upper = vec2u(0xf000f000u);
  var halves = vec2u(0u);
  for (var i = 0u; i < 4u; i++) {
    let scales_of_64 = halves_across(rows, 48u + 2u * i);
    halves |= (scales_of_64 & upper) >> vec2u(12u - 4u * i);
    write_halves(first + 18u + 2u * i, scales_of_64 & ~upper);
  }
  write_halves(first, halves);
  write_bytes(first + 2u, 1u, rows, 32u, 16u);
}
