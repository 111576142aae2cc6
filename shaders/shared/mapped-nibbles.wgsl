// Weights W[N, K] of 4-bit codes that stand for the numbers of a small table. Rows come in groups of 4, columns in
// units of 8:
//   words[group][unit] = one u32 of 8 nibbles for each of the 4 rows; element i of the unit in bits 4i..4i+3
// The importing module says what the codes of a word stand for, code_values(word: u32) -> Unit, and by what those
// numbers are multiplied, scale_values(group: u32, scale_block: u32) -> vec4f for the 4 rows.
override K: u32;             // columns, multiple of 32
const UNITS_PER_SCALE = 4u;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;

// Eight activations made ready for `unit_dot`; `sum` is there for the formats that need it.
struct Activations {
  a: vec4f,
  b: vec4f,
  sum: f32,
}

fn prepare(a: vec4f, b: vec4f) -> Activations {
  return Activations(a, b, 0.0);
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

fn word_dot(word: u32, x: Activations) -> f32 {
  let values = code_values(word);
  return dot(values.a, x.a) + dot(values.b, x.b);
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let w = words[group * (K / 8u) + unit];
  return vec4f(word_dot(w.x, x), word_dot(w.y, x), word_dot(w.z, x), word_dot(w.w, x));
}

// Turns sums of `unit_dot` over the units of one scale block into weights times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return scale_values(group, scale_block) * codes;
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let group = row / 4u;
  let values = code_values(words[group * (K / 8u) + unit][row % 4u]);
  let scale = scale_values(group, unit / 4u)[row % 4u];
  return Unit(scale * values.a, scale * values.b);
}
