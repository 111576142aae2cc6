enable subgroups;
diagnostic(off, subgroup_uniformity);
// Sums over the LANES neighbouring threads of a team, right in its first thread: by exchange over WIDTH of them, a power of
// two that is at most the smallest subgroup, then through workgroup memory where a team is wider.
override WIDTH: u32;
var<workgroup> exchange: array<vec4f, LANES * TEAMS / WIDTH>;

// Of four sums a thread follows one: its neighbours at 1 and 2 take the others over, then the first thread asks for them
// back. 9 shuffles for a team of 32, where a butterfly of each sum takes 20.
fn team_sum4(value: vec4f, thread: u32) -> vec4f {
  if (WIDTH < 4u) {
    var sum = value;
    if (WIDTH == 2u) { sum += subgroupShuffleXor(sum, 1u); }
    return sum_of_parts(sum, thread);
  }
  let upper = (thread & 1u) != 0u;
  let second = (thread & 2u) != 0u;
  let two = select(value.xy, value.zw, upper) + subgroupShuffleXor(select(value.zw, value.xy, upper), 1u);
  var one = select(two.x, two.y, second) + subgroupShuffleXor(select(two.y, two.x, second), 2u);
  for (var step = 4u; step < WIDTH; step *= 2u) { one += subgroupShuffleXor(one, step); }
  let others = vec3f(subgroupShuffleXor(one, 2u), subgroupShuffleXor(one, 1u), subgroupShuffleXor(one, 3u));
  return sum_of_parts(vec4f(one, others), thread);
}

fn team_sum(value: f32, thread: u32) -> f32 {
  var sum = value;
  for (var step = WIDTH / 2u; step > 0u; step /= 2u) { sum += subgroupShuffleXor(sum, step); }
  return sum_of_parts(vec4f(sum), thread).x;
}

fn sum_of_parts(part: vec4f, thread: u32) -> vec4f {
  if (LANES == WIDTH) { return part; }
  workgroupBarrier();
  if (thread % WIDTH == 0u) { exchange[thread / WIDTH] = part; }
  workgroupBarrier();
  let first = thread / LANES * (LANES / WIDTH);
  var sum = exchange[first];
  for (var i = 1u; i < LANES / WIDTH; i++) { sum += exchange[first + i]; }
  return sum;
}
