enable subgroups;
diagnostic(off, subgroup_uniformity);
// Sums over the LANES neighbouring threads of a team, by butterfly. LANES is a power of two, at most the smallest subgroup.
fn team_sum4(value: vec4f, thread: u32) -> vec4f {
  var sum = value;
  for (var step = LANES / 2u; step > 0u; step /= 2u) { sum += subgroupShuffleXor(sum, step); }
  return sum;
}

fn team_sum(value: f32, thread: u32) -> f32 {
  var sum = value;
  for (var step = LANES / 2u; step > 0u; step /= 2u) { sum += subgroupShuffleXor(sum, step); }
  return sum;
}
