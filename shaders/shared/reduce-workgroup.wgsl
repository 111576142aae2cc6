// Sums over the LANES neighbouring threads of a team, through workgroup memory: for adapters without subgroups. The sum is
// right in a team's first thread only.
var<workgroup> exchange: array<vec4f, LANES * TEAMS>;

fn team_sum4(value: vec4f, thread: u32) -> vec4f {
  workgroupBarrier();
  exchange[thread] = value;
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (thread % LANES < step) { exchange[thread] += exchange[thread + step]; }
  }
  return exchange[thread];
}

fn team_sum(value: f32, thread: u32) -> f32 { return team_sum4(vec4f(value), thread).x; }
