// A Q2_K block of 256: 16 bytes, each a scale (low nibble) and a minimum (high) of 16 columns, 64 bytes of codes, f16
// scale, f16 minimum. Of 128 elements, 32 bytes hold the codes (lowest pair of bits elements 0..31, and so on).
#import bytes-across
#import code-bytes
#import halves-across
const BLOCK_BYTES = 84u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 16u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

// A word for each two units.
fn block_word(offset: u32, i: u32) -> u32 {
  return merge_pairs(offset + 16u + i / 8u * 32u + i % 2u * 16u, i / 2u % 4u * 2u);
}

fn write_scales(target_block: u32, rows: vec4u) {
  let target_scale = target_block * 10u;
  scales[target_scale] = halves_across(rows, 80u);
  scales[target_scale + 1u] = halves_across(rows, 82u);
  for (var i = 0u; i < 4u; i++) {
    let s = vec4u(
      raw_u32(rows.x + 4u * i), raw_u32(rows.y + 4u * i), raw_u32(rows.z + 4u * i), raw_u32(rows.w + 4u * i));
    scales[target_scale + 2u + i * 2u] = vec2u(bytes_across(s, 0u), bytes_across(s, 1u));
    scales[target_scale + 3u + i * 2u] = vec2u(bytes_across(s, 2u), bytes_across(s, 3u));
  }
}
