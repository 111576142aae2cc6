// Q4_K weights W[N, K] as repack.wgsl lays them out. Rows come in groups of 4, columns in units of 8:
//   words[group][unit] = one u32 of 8 nibbles for each of the 4 rows; element i of the unit in bits 4i..4i+3
// Scales and minima: see the import.
#import nibbles
#import scales-32-min

@group(0) @binding(0) var<storage, read> words: array<vec4u>;

// Sum over one unit of code * activation for the 4 rows of a group, not scaled yet.
fn unit_dot(group: u32, unit: u32, x: Activations) -> vec4f {
  let w = words[group * (K / 8u) + unit];
  return vec4f(word_dot(w.x, x), word_dot(w.y, x), word_dot(w.z, x), word_dot(w.w, x));
}

struct Unit {
  a: vec4f,
  b: vec4f,
}

// The eight weights of one row in one unit, exact.
fn unit_values(row: u32, unit: u32) -> Unit {
  let group = row / 4u;
  let w = words[group * (K / 8u) + unit][row % 4u];
  let s = row_scale_min(group, unit / 4u, row % 4u);
  return Unit(s.x * codes_a(w) - s.y, s.x * codes_b(w) - s.y);
}
