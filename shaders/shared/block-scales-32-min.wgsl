// The head of a Q4_K or Q5_K block of 256: f16 scale, f16 minimum, then 12 bytes: scales and minima of 6 bits for 32
// columns each. They become a byte each.
#import bytes-across
#import halves-across
@group(0) @binding(2) var<storage, read_write> scales: array<vec2u>;

// Four scales (x) and their minima (y) of a row, a byte each: the first four or the last four.
fn six_bits(offset: u32, last: bool) -> vec2u {
  // lower 6 bits: the first four scales and minima; upper 2: of the last four
  let first = vec2u(raw_u32(offset + 4u), raw_u32(offset + 8u));
  if (!last) { return first & vec2u(0x3f3f3f3fu); }
  let low = raw_u32(offset + 12u);  // nibbles of the last four scales, high ones of the minima
  return (vec2u(low, low >> 4u) & vec2u(0x0f0f0f0fu)) | ((first >> vec2u(2u)) & vec2u(0x30303030u));
}

fn write_scales(target_block: u32, rows: vec4u) {
  let target_scale = target_block * 10u;
  scales[target_scale] = halves_across(rows, 0u);
  scales[target_scale + 1u] = halves_across(rows, 2u);
  for (var half = 0u; half < 2u; half++) {
    let p = six_bits(rows.x, half == 1u);
    let q = six_bits(rows.y, half == 1u);
    let r = six_bits(rows.z, half == 1u);
    let s = six_bits(rows.w, half == 1u);
    for (var i = 0u; i < 4u; i++) {
      scales[target_scale + 2u + half * 4u + i] = vec2u(
        bytes_across(vec4u(p.x, q.x, r.x, s.x), i), bytes_across(vec4u(p.y, q.y, r.y, s.y), i));
    }
  }
}
