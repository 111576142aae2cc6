// Q5_K weights W[N, K] as repack.wgsl lays them out: codes as in codes-5-bit.wgsl, scales as in scales-32-min.wgsl.
#import codes-5-bit
#import scales-32-min

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let codes = unit_codes(row / 4u, unit);
  let s = row_scale_min(row / 4u, unit / 4u, row % 4u);
  return Unit(
    s.x * byte_values(codes.a[row % 4u]) - s.y, s.x * byte_values(codes.b[row % 4u]) - s.y);
}
