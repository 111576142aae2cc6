// finish(W x) for one token: decode. A team of LANES threads computes the 4 rows of a row group, and with PAIR_GROUPS > 0
// of a second one: the up projection beside the gate, or where TWO_RESULTS just another one. Workgroups of z = s compute slot s of a mixture of experts, or the logits
// of draw s; else z = 0.
#import state
#import weights
#import activation
#import expert
#import team-product
#import reduce
#import bias
#import epilogue
override GROUPS: u32;        // row groups to compute (half of all where teams compute two), of one expert
override TWO_RESULTS: bool;
override TEAMS: u32;         // teams in a workgroup
// x[T, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;

@compute @workgroup_size(LANES * TEAMS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  if (stopped() || !holds(workgroup.z)) { return; }
  let lane = thread % LANES;
  let wanted = (workgroup.y * workgroups.x + workgroup.x) * TEAMS + thread / LANES;
  let group = min(wanted, GROUPS - 1u);
  let matrix = first_group(workgroup.z);
  let part = team_product(matrix + group, input_row(workgroup.z) * (K / 4u), lane);
  var result = team_sum4(part.result, thread);
  var paired = vec4f();
  if (PAIR_GROUPS > 0u) { paired = team_sum4(part.paired, thread); }
  var scale = 1.0;
  if (NORMALISED) { scale = rms_scale(team_sum(part.squares, thread)); }
  if (lane == 0u && wanted < GROUPS) {
    result = biased(result * scale, matrix + group);
    paired = biased(paired * scale, matrix + group + PAIR_GROUPS);
    finish(workgroup.z, group, result, paired);
    if (TWO_RESULTS) { finish(workgroup.z, group + PAIR_GROUPS, paired, vec4f()); }
  }
}
