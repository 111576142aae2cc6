// finish(W x) for at most ROWS tokens: decode of several sequences. Teams as in matvec.wgsl, but weights are dequantised once for
// all rows: with several, that costs less than scaling each row's sums. Rows past the batch's last are copies of that one.
#import state
#import weights
#import reduce
#import bias
#import epilogue
override GROUPS: u32;        // row groups to compute (half of all where PAIR_GROUPS > 0)
override PAIR_GROUPS: u32;   // up projections beside the gates, or 0
override LANES: u32;
override TEAMS: u32;         // teams in a workgroup
// sizes, given with the text: ROWS, and GROUP_ROWS = 4 of a row group
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
#repeat r ROWS open
    let a#r = x[base#r + unit * 2u];
    let b#r = x[base#r + unit * 2u + 1u];
#end
#repeat lane_row GROUP_ROWS
    let weight = unit_values(group * 4u + lane_row, unit);
#repeat r ROWS open
    result#r[lane_row] += dot(weight.a, a#r) + dot(weight.b, b#r);
#end
    if (PAIR_GROUPS > 0u) {
      let other = unit_values((group + PAIR_GROUPS) * 4u + lane_row, unit);
#repeat r ROWS open
      paired#r[lane_row] += dot(other.a, a#r) + dot(other.b, b#r);
#end
    }
#end
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
