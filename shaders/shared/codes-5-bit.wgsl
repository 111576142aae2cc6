// Codes of 5 bits. Rows come in groups of 4, columns in units of 8, of which 4 share a word of fifth bits:
//   words[group][unit / 4][unit % 4] = one u32 of 8 nibbles for each of the 4 rows: of elements 0..3 in the low
//     halves of the bytes, of 4..7 in the high halves
//   words[group][unit / 4][4] = one u32 of 32 fifth bits for each row: elements 0..3 of unit u in bit 2u of each
//     byte, 4..7 in bit 2u + 1
#import bytes
#import byte-values

@group(0) @binding(0) var<storage, read> words: array<vec4u>;

struct Codes {
  a: vec4u,
  b: vec4u,
}

// The codes of 4 rows in bytes, elements 0..3 and 4..7.
fn unit_codes(group: u32, unit: u32) -> Codes {
  let first = (group * (K / 32u) + unit / 4u) * 5u;
  let low = words[first + unit % 4u];
  let high = words[first + 4u] >> vec4u(unit % 4u * 2u);
  let nibbles = vec4u(0x0f0f0f0fu);
  let bits = vec4u(0x10101010u);
  return Codes(
    (low & nibbles) | ((high << vec4u(4u)) & bits),
    ((low >> vec4u(4u)) & nibbles) | ((high << vec4u(3u)) & bits));
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let codes = unit_codes(group, unit);
  return rows_dot(codes.a, codes.b, x);
}
