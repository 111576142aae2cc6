enable subgroups;
diagnostic(off, subgroup_uniformity);
// Sums over the LANES neighbouring threads of a team: by butterfly over WIDTH of them, a power of two that is at most the
// smallest subgroup, then through workgroup memory where a team is wider.
override WIDTH: u32;
var<workgroup> exchange: array<vec4f, LANES * TEAMS / WIDTH>;

fn team_sum4(value: vec4f, thread: u32) -> vec4f {
  var sum = value;
  for (var step = WIDTH / 2u; step > 0u; step /= 2u) { sum += subgroupShuffleXor(sum, step); }
  if (LANES > WIDTH) {
    workgroupBarrier();
    if (thread % WIDTH == 0u) { exchange[thread / WIDTH] = sum; }
    workgroupBarrier();
    let first = thread / LANES * (LANES / WIDTH);
    sum = exchange[first];
    for (var i = 1u; i < LANES / WIDTH; i++) { sum += exchange[first + i]; }
  }
  return sum;
}

fn team_sum(value: f32, thread: u32) -> f32 { return team_sum4(vec4f(value), thread).x; }
