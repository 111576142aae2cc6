// Q4_1 weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit] = one u32 of 8 nibbles for each of the 4 rows; element i of the unit in bits 4i..4i+3
//   scales[group][unit / 4] = the f16 scales of the 4 rows (xy), then their f16 minima (zw)
// A weight is scale * nibble + minimum.
#import nibbles
override K: u32;             // columns, multiple of 32
const UNITS_PER_SCALE = 4u;

@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read> scales: array<vec4u>;

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let w = words[group * (K / 8u) + unit];
  return vec4f(word_dot(w.x, x), word_dot(w.y, x), word_dot(w.z, x), word_dot(w.w, x));
}

// Turns sums of `unit_dot` over the units of one scale block, and the same activations' sum, into weights
// times activations.
fn apply_scale(group: u32, scale_block: u32, codes: vec4f, sum: f32) -> vec4f {
  let s = scales[group * (K / 32u) + scale_block];
  return vec4f(unpack2x16float(s.x), unpack2x16float(s.y)) * codes
    + vec4f(unpack2x16float(s.z), unpack2x16float(s.w)) * sum;
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let group = row / 4u;
  let w = words[group * (K / 8u) + unit][row % 4u];
  let s = scales[group * (K / 32u) + unit / 4u];
  let half = (row % 4u) / 2u;
  let pair = vec4f(unpack2x16float(s[half]), unpack2x16float(s[2u + half]));
  let scale_min = select(pair.xz, pair.yw, row % 2u == 1u);
  return Unit(scale_min.x * codes_a(w) + scale_min.y, scale_min.x * codes_b(w) + scale_min.y);
}
