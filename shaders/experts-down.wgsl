// finish(sum over slots s of expert_weights[s] * (W_s x[s] + bias_s)) for one token: decode. W_s is the matrix of expert ids[s].
// A workgroup computes one row group, each of its teams the part of one slot: the slots are read side by side, and their
// sum needs neither atomics nor a pass of its own. Experts that the weight does not hold add nothing.
#import state
#import weights
#import activation-plain
#import expert-chosen
#import team-product
#import reduce
#import bias
#import epilogue
override GROUPS: u32;        // row groups of one expert
override TEAMS: u32;         // slots
// x[TEAMS, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(7) var<storage, read> expert_weights: array<f32>;

var<workgroup> parts: array<vec4f, TEAMS>;

@compute @workgroup_size(LANES * TEAMS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = workgroup.y * workgroups.x + workgroup.x;
  if (stopped() || group >= GROUPS) { return; }
  let lane = thread % LANES;
  let slot = thread / LANES;
  let row_group = first_group(slot) + group;
  var part = Part();
  if (holds(slot)) { part = team_product(row_group, slot * (K / 4u), lane); }
  let result = team_sum4(part.result, thread);
  if (lane == 0u && holds(slot)) { parts[slot] = biased(result, row_group) * expert_weights[slot]; }
  workgroupBarrier();
  if (thread != 0u) { return; }
  var sum = vec4f();
  for (var i = 0u; i < TEAMS; i++) { sum += parts[i]; }
  finish(0u, group, sum, vec4f());
}
