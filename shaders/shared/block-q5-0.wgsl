// A Q5_0 block of 32: f16 scale, then codes.
#import block-q5
const BLOCK_BYTES = 22u;
const HEADER = 2u;
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

fn write_scales(target_block: u32, rows: vec4u) {
  scales[target_block] = halves_across(rows, 0u);
}
