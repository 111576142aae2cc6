// An IQ3_S block of 256: f16 scale, 64 bytes of points, 8 of their ninth bits, 32 of signs, 4 of scales.
#import block-iq3
const BLOCK_BYTES = 110u;
const TABLE = 512u;
const SIGNS = 74u;
const BLOCK_SCALES = 14u;

fn write_scales(target_block: u32, rows: vec4u) {
  let first = first_scale(target_block);
  write_halves(first, halves_across(rows, 0u));
  write_bytes(first + 2u, 1u, rows, 66u, 8u);
  write_bytes(first + 10u, 1u, rows, 106u, 4u);
}
