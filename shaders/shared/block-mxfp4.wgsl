// An MXFP4 block of 32: a byte, the exponent, then 16 bytes of nibbles: byte j holds element j in its low nibble and
// element j + 16 in its high one.
#import gather-nibbles
const BLOCK_BYTES = 17u;
const BLOCK_UNITS = 4u;
const BLOCK_WORDS = 4u;
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;

fn block_word(offset: u32, i: u32) -> u32 { return gather_nibbles(offset + 1u + i % 2u * 8u, i / 2u * 4u); }

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] =
    raw_u8(rows.x) | (raw_u8(rows.y) << 8u) | (raw_u8(rows.z) << 16u) | (raw_u8(rows.w) << 24u);
}
