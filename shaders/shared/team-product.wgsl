// A team of LANES threads multiplies a row group by one activation vector: each takes every LANES-th unit of 8 columns,
// so that neighbours read neighbouring 16-byte words. PAIR_GROUPS > 0 computes row group `group + PAIR_GROUPS` along
// with `group`, from the same activations (gate and up).
override PAIR_GROUPS: u32;
override LANES: u32;
override UNROLLED: bool;

struct Part {
  result: vec4f,
  paired: vec4f,
  squares: f32,              // sum of squares of the activations, where they are normalised
}

fn add_unit(part: ptr<function, Part>, group: u32, base: u32, unit: u32) {
  let a = x[base + unit * 2u];
  let b = x[base + unit * 2u + 1u];
  if (NORMALISED) { part.squares += dot(a, a) + dot(b, b); }
  let ready = prepare(weigh(a, unit * 2u), weigh(b, unit * 2u + 1u));
  let block = unit / UNITS_PER_SCALE;
  part.result += apply_scale(group, block, unit_dot(group, unit, ready), ready.sum);
  if (PAIR_GROUPS > 0u) {
    let other = group + PAIR_GROUPS;
    part.paired += apply_scale(other, block, unit_dot(other, unit, ready), ready.sum);
  }
}

// One thread's part. `base`: where the activations begin in x.
fn team_product(group: u32, base: u32, lane: u32) -> Part {
  var part = Part();
  var unit = lane;
  // several units at a time, so that the compiler starts their loads together
  if (UNROLLED) {
    for (; unit + LANES * 3u < K / 8u; unit += LANES * 4u) {
      for (var i = 0u; i < 4u; i++) { add_unit(&part, group, base, unit + i * LANES); }
    }
  }
  for (; unit < K / 8u; unit += LANES) { add_unit(&part, group, base, unit); }
  return part;
}
