// Q4_0 weights W[N, K] as the repack kernel lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit] = one u32 of 8 nibbles for each of the 4 rows; element i of the unit in bits 4i..4i+3
//   scales[group][unit / 4] = the f16 scales of the 4 rows
// A weight is scale * (nibble - 8).
override K: u32;             // columns, multiple of 32
const UNITS_PER_SCALE = 4u;
const BIAS = 8.0;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read> scales: array<vec2u>;

// Eight activations made ready for `unit_dot`.
struct Activations {
  a: vec4f,
  b: vec4f,
  sum: f32,
}

// Nibbles are used where they stand in the word, worth 16^i times as much: dividing the activations once, for all rows,
// saves a shift per weight (1.3x on a software adapter). Powers of two, so nothing is rounded.
const PLACE_A = vec4f(1.0, 0x1p-4, 0x1p-8, 0x1p-12);
const PLACE_B = vec4f(0x1p-16, 0x1p-20, 0x1p-24, 1.0);

fn prepare(a: vec4f, b: vec4f) -> Activations {
  return Activations(a * PLACE_A, b * PLACE_B, dot(a + b, vec4f(1.0)));
}

fn word_dot(word: u32, x: Activations) -> f32 {
  let w = bitcast<i32>(word);
  return f32(w & 0xf) * x.a.x + f32(w & 0xf0) * x.a.y + f32(w & 0xf00) * x.a.z + f32(w & 0xf000) * x.a.w
    + f32(w & 0xf0000) * x.b.x + f32(w & 0xf00000) * x.b.y + f32(w & 0xf000000) * x.b.z + f32(i32(word >> 28u)) * x.b.w;
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let w = words[group * (K / 8u) + unit];
  return vec4f(word_dot(w.x, x), word_dot(w.y, x), word_dot(w.z, x), word_dot(w.w, x));
}

// Turns sums of `unit_dot` over units of one scale block, and the sum of the same activations, into weights times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  let s = scales[group * (K / 32u) + scale_block];
  return vec4f(unpack2x16float(s.x), unpack2x16float(s.y)) * (codes - BIAS * sum);
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let group = row / 4u;
  let w = words[group * (K / 8u) + unit][row % 4u];
  let pair = unpack2x16float(scales[group * (K / 32u) + unit / 4u][(row % 4u) / 2u]);
  let scale = select(pair.x, pair.y, row % 2u == 1u);
  let a = vec4f(vec4u(w, w >> 4u, w >> 8u, w >> 12u) & vec4u(15u));
  let b = vec4f(vec4u(w >> 16u, w >> 20u, w >> 24u, w >> 28u) & vec4u(15u));
  return Unit(scale * (a - BIAS), scale * (b - BIAS));
}
