// The 16 numbers that IQ4_NL and IQ4_XS choose from: -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113.
// They lie so close to a curve of fourth degree that rounding it down gives each of them, 0.06 away from the next
// integer at the least. A table would be indexed by each thread differently, which compilers turn into memory.
fn curve(code: vec4f) -> vec4f {
  return floor((((0.001586 * code + 0.031086) * code - 1.37193) * code + 24.1738) * code - 126.067);
}

// What the 8 nibbles of a word stand for.
fn code_values(word: u32) -> Unit {
  return Unit(curve(codes_a(word)), curve(codes_b(word)));
}
