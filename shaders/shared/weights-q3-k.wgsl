// Q3_K weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8, of which 2
// share a word of low bits and 4 one of high bits:
//   words[group][unit / 4][unit / 2 % 2] = one u32 of 16 pairs of bits for each of the 4 rows: elements 0..3 of
//     unit u in bits 4 (u % 2), and the next, of each byte, 4..7 two bits further
//   words[group][unit / 4][2] = one u32 of 32 bits for each row: elements 0..3 of unit u in bit 2 (u % 4) of each
//     byte, 4..7 in the next one
// Scales: see the import.
#import bytes
#import scales-16
const BIAS = 4.0;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;

struct Codes {
  a: vec4u,
  b: vec4u,
}

// The codes of 4 rows in bytes, elements 0..3 and 4..7.
fn unit_codes(group: u32, unit: u32) -> Codes {
  let first = (group * (K / 32u) + unit / 4u) * 3u;
  let low = words[first + unit / 2u % 2u] >> vec4u(unit % 2u * 4u);
  let high = words[first + 2u] >> vec4u(unit % 4u * 2u);
  let pairs = vec4u(0x03030303u);
  let bits = vec4u(0x04040404u);
  return Codes(
    (low & pairs) | ((high << vec4u(2u)) & bits),
    ((low >> vec4u(2u)) & pairs) | ((high << vec4u(1u)) & bits));
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let codes = unit_codes(group, unit);
  return rows_dot(codes.a, codes.b, x);
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let codes = unit_codes(row / 4u, unit);
  let scale = scale_values(row / 4u, unit / 2u)[row % 4u];
  return Unit(
    scale * (byte_values(codes.a[row % 4u]) - BIAS), scale * (byte_values(codes.b[row % 4u]) - BIAS));
}
