// Q6_K weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8, of which 2
// share a word of high bits:
//   words[group][unit / 2][unit % 2] = one u32 of 8 nibbles for each of the 4 rows: of elements 0..3 in the low
//     halves of the bytes, of 4..7 in the high halves
//   words[group][unit / 2][2] = one u32 of 16 pairs of bits for each row: elements 0..3 of unit u in bits 4u,
//     4u + 1 of each byte, 4..7 in bits 4u + 2, 4u + 3
// Scales: see the import.
#import bytes
#import scales-16
const BIAS = 32.0;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;

struct Codes {
  a: vec4u,
  b: vec4u,
}

// The codes of 4 rows in bytes, elements 0..3 and 4..7.
fn unit_codes(group: u32, unit: u32) -> Codes {
  let first = (group * (K / 16u) + unit / 2u) * 3u;
  let low = words[first + unit % 2u];
  let high = words[first + 2u] >> vec4u(unit % 2u * 4u);
  let nibbles = vec4u(0x0f0f0f0fu);
  let pairs = vec4u(0x30303030u);
  return Codes(
    (low & nibbles) | ((high << vec4u(4u)) & pairs),
    ((low >> vec4u(4u)) & nibbles) | ((high << vec4u(2u)) & pairs));
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
  let first = (row / 4u * (K / 16u) + unit / 2u) * 3u;
  let low = words[first + unit % 2u][row % 4u];
  let high = words[first + 2u][row % 4u] >> (unit % 2u * 4u);
  let a = (low & 0x0f0f0f0fu) | ((high << 4u) & 0x30303030u);
  let b = ((low >> 4u) & 0x0f0f0f0fu) | ((high << 2u) & 0x30303030u);
  let scale = row_scale(row / 4u, unit / 2u, row % 4u);
  return Unit(scale * (byte_values(a) - BIAS), scale * (byte_values(b) - BIAS));
}
