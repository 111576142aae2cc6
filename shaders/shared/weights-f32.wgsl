// F32 weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit][8] = element i of the unit for each of the 4 rows
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

fn word_values(index: u32) -> vec4f {
  return bitcast<vec4f>(words[index]);
}

// Sum over one unit of weight * activation for the 4 rows of a group.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let i = (group * (K / 8u) + unit) * 8u;
  return word_values(i) * x.a.x + word_values(i + 1u) * x.a.y
    + word_values(i + 2u) * x.a.z + word_values(i + 3u) * x.a.w
    + word_values(i + 4u) * x.b.x + word_values(i + 5u) * x.b.y
    + word_values(i + 6u) * x.b.z + word_values(i + 7u) * x.b.w;
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
  let i = (row / 4u * (K / 8u) + unit) * 8u;
  let r = row % 4u;
  return Unit(
    bitcast<vec4f>(vec4u(words[i][r], words[i + 1u][r], words[i + 2u][r], words[i + 3u][r])),
    bitcast<vec4f>(vec4u(words[i + 4u][r], words[i + 5u][r], words[i + 6u][r], words[i + 7u][r])));
}
