// finish(W x) for at most ROWS tokens: decode of several sequences. As matvec.wgsl, except that a team multiplies what it
// reads of the weights by the activations of all rows; rows past the batch's last are copies of that one. (Weights dequantised once for
// all rows, instead of scaled sums of codes: 10 % slower with 8 rows, measured on an H200.)
#import state
#import weights
#import reduce
#import bias
#import epilogue
override GROUPS: u32;        // row groups to compute (half of all where PAIR_GROUPS > 0)
override PAIR_GROUPS: u32;   // up projections beside the gates, or 0
override LANES: u32;
override TEAMS: u32;         // teams in a workgroup
// sizes, given with the text: ROWS
// x[T, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;

@compute @workgroup_size(LANES * TEAMS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  if (stopped()) { return; }
  let lane = thread % LANES;
  let wanted = (workgroup.y * workgroups.x + workgroup.x) * TEAMS + thread / LANES;
  let group = min(wanted, GROUPS - 1u);
  let rows = batch_rows();
#repeat r ROWS open
  let base#r = min(r, rows - 1u) * (K / 4u);
  var result#r = vec4f();
  var paired#r = vec4f();
#end
  for (var unit = lane; unit < K / 8u; unit += LANES) {
    let block = unit / UNITS_PER_SCALE;
#repeat r ROWS open
    let ready#r = prepare(x[base#r + unit * 2u], x[base#r + unit * 2u + 1u]);
    result#r += apply_scale(group, block, unit_dot(group, unit, ready#r), ready#r.sum);
#end
    if (PAIR_GROUPS > 0u) {
      let other = group + PAIR_GROUPS;
#repeat r ROWS
      paired#r += apply_scale(other, block, unit_dot(other, unit, ready#r), ready#r.sum);
#end
    }
  }
#repeat r ROWS open
  let whole#r = team_sum4(result#r, thread);
  var other#r = vec4f();
  if (PAIR_GROUPS > 0u) { other#r = team_sum4(paired#r, thread); }
  if (lane == 0u && wanted < GROUPS && r < rows) {
    finish(r, group, biased(whole#r, group), biased(other#r, group + PAIR_GROUPS));
  }
#end
}
