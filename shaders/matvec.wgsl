// finish(W x) for one token: decode. A team of LANES threads computes the 4 rows of a row group, each thread
// every LANES-th unit of 8 columns, so that neighbours read neighbouring 16-byte words. PAIR_GROUPS > 0
// computes row group `group + PAIR_GROUPS` along with `group`, from the same activations (gate and up).
#import state
#import weights
#import activation
#import reduce
#import epilogue
override GROUPS: u32;        // row groups to compute (half of all where they are paired)
override PAIR_GROUPS: u32;
override LANES: u32;
override TEAMS: u32;         // teams in a workgroup
override UNROLLED: bool;
// x[T, K]; the last token of the batch is used, the only one in decode
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(8) var<uniform> state: State;

struct Sums {
  result: vec4f,
  paired: vec4f,
  squares: f32,
}

fn add_unit(sums: ptr<function, Sums>, base: u32, group: u32, unit: u32) {
  let a = x[base + unit * 2u];
  let b = x[base + unit * 2u + 1u];
  if (NORMALISED) { sums.squares += dot(a, a) + dot(b, b); }
  let ready = prepare(weigh(a, unit * 2u), weigh(b, unit * 2u + 1u));
  let block = unit / UNITS_PER_SCALE;
  sums.result += apply_scale(group, block, unit_dot(group, unit, ready), ready.sum);
  if (PAIR_GROUPS > 0u) {
    let other = group + PAIR_GROUPS;
    sums.paired += apply_scale(other, block, unit_dot(other, unit, ready), ready.sum);
  }
}

@compute @workgroup_size(LANES * TEAMS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  if (state.finished != 0u) { return; }
  let lane = thread % LANES;
  let wanted = (workgroup.y * workgroups.x + workgroup.x) * TEAMS + thread / LANES;
  let group = min(wanted, GROUPS - 1u);
  let base = (state.rows - 1u) * (K / 4u);
  var sums = Sums(vec4f(), vec4f(), 0.0);
  // several units at a time, so that the compiler starts their loads together
  var unit = lane;
  if (UNROLLED) {
    for (; unit + LANES * 3u < K / 8u; unit += LANES * 4u) {
      for (var i = 0u; i < 4u; i++) { add_unit(&sums, base, group, unit + i * LANES); }
    }
  }
  for (; unit < K / 8u; unit += LANES) { add_unit(&sums, base, group, unit); }
  let result = team_sum4(sums.result, thread);
  var paired = vec4f();
  if (PAIR_GROUPS > 0u) { paired = team_sum4(sums.paired, thread); }
  var scale = 1.0;
  if (NORMALISED) { scale = rms_scale(team_sum(sums.squares, thread)); }
  if (lane == 0u && wanted < GROUPS) { finish(0u, group, result * scale, paired * scale); }
}
