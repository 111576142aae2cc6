// Codes of 2 bits. Rows come in groups of 4, columns in units of 8, of which 2 share a word:
//   words[group][unit / 2] = one u32 of 16 pairs of bits for each of the 4 rows: elements 0..3 of unit u in bits
//     4 (u % 2), and the next, of each byte, 4..7 two bits further
#import bytes
#import byte-values

@group(0) @binding(0) var<storage, read> words: array<vec4u>;

struct Codes {
  a: vec4u,
  b: vec4u,
}

// The codes of 4 rows in bytes, elements 0..3 and 4..7.
fn unit_codes(group: u32, unit: u32) -> Codes {
  let low = words[group * (K / 16u) + unit / 2u] >> vec4u(unit % 2u * 4u);
  let pairs = vec4u(0x03030303u);
  return Codes(low & pairs, (low >> vec4u(2u)) & pairs);
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let codes = unit_codes(group, unit);
  return rows_dot(codes.a, codes.b, x);
}
