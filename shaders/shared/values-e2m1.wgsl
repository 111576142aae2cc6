// E2M1 numbers of 4 bits, doubled: 0 1 2 3 4 6 8 12, then the same below zero. Not made as f16 numbers by a shift, which
// would be less work: the smallest ones would be subnormal, and GPUs may take those for zero.
const MAGNITUDES = 0xc8643210u;

fn code_numbers(word: u32) -> vec4f {
  let codes = vec4u(word, word >> 4u, word >> 8u, word >> 12u);
  let magnitude = (vec4u(MAGNITUDES) >> ((codes & vec4u(7u)) << vec4u(2u))) & vec4u(15u);
  return select(vec4f(magnitude), -vec4f(magnitude), (codes & vec4u(8u)) != vec4u(0u));
}

// What the 8 nibbles of a word stand for.
fn code_values(word: u32) -> Unit {
  return Unit(code_numbers(word), code_numbers(word >> 16u));
}
