// Sixteen scales of a byte in a block of 256 with one f16 scale: `SCALE_AT` says where that is in the block,
// `scale_bytes` gives four of a row.
#import bytes-across
#import halves-across
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;

fn write_scales(target_block: u32, rows: vec4u) {
  let target_scale = target_block * 18u;
  let halves = halves_across(rows, SCALE_AT);
  scales[target_scale] = halves.x;
  scales[target_scale + 1u] = halves.y;
  for (var i = 0u; i < 4u; i++) {
    let s = vec4u(
      scale_bytes(rows.x, i), scale_bytes(rows.y, i), scale_bytes(rows.z, i), scale_bytes(rows.w, i));
    for (var j = 0u; j < 4u; j++) { scales[target_scale + 2u + i * 4u + j] = bytes_across(s, j); }
  }
}
