// Q8_0 weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit][2] = one u32 of 4 signed bytes for each of the 4 rows: elements 0..3, then 4..7,
//     lowest byte first
//   scales[group][unit / 4] = the f16 scales of the 4 rows
// A weight is scale * byte.
#import integers
override K: u32;             // columns, multiple of 32
const UNITS_PER_SCALE = 4u;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read> scales: array<vec2u>;

// Eight activations made ready for `unit_dot`, and their sum.
struct Activations {
  a: vec4f,
  b: vec4f,
  sum: f32,
}

// Signed bytes become unsigned ones, 128 larger, by flipping their top bits; `apply_scale` takes the 128
// back. They are used where they stand in the word, worth 256^i times as much, and the activations are
// divided by that once for all rows, in powers of two. Twice as fast on a software adapter as moving each
// byte's sign into place.
const BIAS = 128.0;
const FLIP = 0x80808080u;
const PLACE = vec4f(1.0, 0x1p-8, 0x1p-16, 1.0);

fn prepare(a: vec4f, b: vec4f) -> Activations {
  return Activations(a * PLACE, b * PLACE, dot(a + b, vec4f(1.0)));
}

fn word_dot(word: u32, x: vec4f) -> f32 {
  let w = bitcast<i32>(word ^ FLIP);
  return f32(w & 0xff) * x.x + f32(w & 0xff00) * x.y + f32(w & 0xff0000) * x.z
    + f32(i32((word ^ FLIP) >> 24u)) * x.w;
}

fn word_values(word: u32) -> vec4f {
  let w = word ^ FLIP;
  return whole4(vec4u(w, w >> 8u, w >> 16u, w >> 24u) & vec4u(0xffu)) - vec4f(BIAS);
}

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let first = (group * (K / 8u) + unit) * 2u;
  let v = words[first];
  let w = words[first + 1u];
  return vec4f(
    word_dot(v.x, x.a) + word_dot(w.x, x.b), word_dot(v.y, x.a) + word_dot(w.y, x.b),
    word_dot(v.z, x.a) + word_dot(w.z, x.b), word_dot(v.w, x.a) + word_dot(w.w, x.b));
}

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
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
  let first = (group * (K / 8u) + unit) * 2u;
  let pair = unpack2x16float(scales[group * (K / 32u) + unit / 4u][(row % 4u) / 2u]);
  let scale = select(pair.x, pair.y, row % 2u == 1u);
  return Unit(scale * word_values(words[first][row % 4u]), scale * word_values(words[first + 1u][row % 4u]));
}
