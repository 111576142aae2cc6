// A Q5_1 block of 32: f16 scale, f16 minimum, then codes.
#import block-q5
const BLOCK_BYTES = 24u;
const HEADER = 4u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec4u>;

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] = vec4u(halves_across(rows, 0u), halves_across(rows, 2u));
}
