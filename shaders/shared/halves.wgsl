// Weights W[N, K] of 16 bits as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit][4] = one u32 for each of the 4 rows: elements 0..1, 2..3, 4..5, 6..7; lower half first
// The importing module says which two numbers a word holds: word_values(word: u32) -> vec2f.
override K: u32;             // columns, multiple of 8
// nothing to scale: the loop of the other formats, whose last round may be short here
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

fn row_dot(word: vec4u, x: Activations) -> f32 {
  return dot(vec4f(word_values(word.x), word_values(word.y)), x.a)
    + dot(vec4f(word_values(word.z), word_values(word.w)), x.b);
}

// Sum over one unit of weight * activation for the 4 rows of a group.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let first = (group * (K / 8u) + unit) * 4u;
  let p = words[first];
  let q = words[first + 1u];
  let r = words[first + 2u];
  let s = words[first + 3u];
  return vec4f(
    row_dot(vec4u(p.x, q.x, r.x, s.x), x), row_dot(vec4u(p.y, q.y, r.y, s.y), x),
    row_dot(vec4u(p.z, q.z, r.z, s.z), x), row_dot(vec4u(p.w, q.w, r.w, s.w), x));
}

fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  return codes;
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let first = (row / 4u * (K / 8u) + unit) * 4u;
  let lane = row % 4u;
  return Unit(
    vec4f(word_values(words[first][lane]), word_values(words[first + 1u][lane])),
    vec4f(word_values(words[first + 2u][lane]), word_values(words[first + 3u][lane])));
}
