// A team of LANES threads multiplies a row group by one activation vector: each takes every LANES-th unit of 8 columns,
// so that neighbours read neighbouring 16-byte words. PAIR_GROUPS > 0 computes row group `group + PAIR_GROUPS` along with
// `group`, from the same activations (gate and up). Loads of TOGETHER units are under way at a time.
#import team-part

// One thread's part. `base`: where the activations begin in x. Written out: with functions and structs inside of the loop
// compilers schedule it worse.
fn team_product(group: u32, base: u32, lane: u32) -> Part {
  var result = vec4f();
  var paired = vec4f();
  var squares = 0.0;
  var unit = lane;
  // so many at a time, then the rest one by one
#repeat phase PHASES
  const together = select(TOGETHER, 1u, phase == 1u);
  for (; unit + (together - 1u) * LANES < K / 8u; unit += together * LANES) {
#repeat i TOGETHER
    if (i < together) {
      let at = unit + i * LANES;
      #insert team-unit
      let block = at / UNITS_PER_SCALE;
      result += apply_scale(group, block, unit_dot(group, at, ready), ready.sum);
      if (PAIR_GROUPS > 0u) {
        let other = group + PAIR_GROUPS;
        paired += apply_scale(other, block, unit_dot(other, at, ready), ready.sum);
      }
    }
#end
  }
#end
  return Part(result, paired, squares);
}
