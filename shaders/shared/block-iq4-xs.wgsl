// An IQ4_XS block of 256: f16 scale, 2 bytes of the upper bit pairs and 4 bytes of the lower nibbles of 8 scales, then
// 128 bytes of nibbles: of 16 bytes, byte j holds element j of 32 in its low nibble and element j + 16 in its high one.
// Scales become signed bytes.
#import gather-nibbles
#import halves-across
const BLOCK_BYTES = 136u;
const BLOCK_UNITS = 32u;
const BLOCK_WORDS = 32u;
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;

fn block_word(offset: u32, i: u32) -> u32 {
  return gather_nibbles(offset + 8u + i / 4u * 16u + i % 2u * 8u, i / 2u % 2u * 4u);
}

fn scale_byte(offset: u32, j: u32) -> u32 {
  if (offset >= ABSENT) { return 0u; }
  let low = (raw_u32(offset + 4u) >> (4u * j)) & 15u;
  let high = (raw_u16(offset + 2u) >> (2u * j)) & 3u;
  return ((low | (high << 4u)) - 32u) & 255u;
}

fn write_scales(target_block: u32, rows: vec4u) {
  let target_scale = target_block * 10u;
  let halves = halves_across(rows, 0u);
  scales[target_scale] = halves.x;
  scales[target_scale + 1u] = halves.y;
  for (var j = 0u; j < 8u; j++) {
    scales[target_scale + 2u + j] = scale_byte(rows.x, j) | (scale_byte(rows.y, j) << 8u)
      | (scale_byte(rows.z, j) << 16u) | (scale_byte(rows.w, j) << 24u);
  }
}
