// finish(W x) for a few tokens: decode of several sequences. As matvec.wgsl, but a workgroup is one team, and multiplies what it reads of
// the weights by the activations of TOKENS tokens; those past the batch's last are copies of that one. (Weights dequantised once for all of
// them, instead of scaled sums of codes: 8 % slower with 4 tokens, and 8 tokens a workgroup 13 % slower than 4, measured on an H200.)
#import state
#import weights
#import bias
#import epilogue
override GROUPS: u32;        // row groups to compute (half of all where PAIR_GROUPS > 0)
override PAIR_GROUPS: u32;   // up projections beside the gates, or 0
// sizes, given with the text:
//   TOKENS    of a workgroup, a power of two
//   LANES     threads, a power of two
//   TOGETHER  tokens whose sums are added up at a time, a power of two
//   ROUNDS    TOKENS / TOGETHER
const PARTS = min(LANES / TOGETHER, 16u);   // threads that share a sum
// x[T, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;

var<workgroup> lane_sums: array<vec4f, TOGETHER * LANES>;
var<workgroup> part_sums: array<vec4f, TOGETHER * PARTS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = workgroup.z * TOKENS;
  let group = workgroup.y * workgroups.x + workgroup.x;
  if (stopped() || first >= batch_rows() || group >= GROUPS) { return; }
  var base: array<u32, TOKENS>;
#repeat t TOKENS
  base[t] = min(first + t, batch_rows() - 1u) * (K / 4u);
#end
  var result: array<vec4f, TOKENS>;
  var paired: array<vec4f, TOKENS>;
  for (var unit = thread; unit < K / 8u; unit += LANES) {
    let block = unit / UNITS_PER_SCALE;
#repeat t TOKENS
    let ready = prepare(x[base[t] + unit * 2u], x[base[t] + unit * 2u + 1u]);
    result[t] += apply_scale(group, block, unit_dot(group, unit, ready), ready.sum);
    if (PAIR_GROUPS > 0u) {
      let other = group + PAIR_GROUPS;
      paired[t] += apply_scale(other, block, unit_dot(other, unit, ready), ready.sum);
    }
#end
  }
#repeat round ROUNDS
#repeat t TOGETHER
  lane_sums[t * LANES + thread] = result[round * TOGETHER + t];
#end
  let whole = sum_of_lanes(thread);
  var other = vec4f();
  if (PAIR_GROUPS > 0u) {
#repeat t TOGETHER
    lane_sums[t * LANES + thread] = paired[round * TOGETHER + t];
#end
    other = sum_of_lanes(thread);
  }
  // a thread a token: what an epilogue waits for is under way for all of them
  let token = first + round * TOGETHER + thread;
  if (thread < TOGETHER && token < batch_rows()) {
    finish(token, group, biased(whole, group), biased(other, group + PAIR_GROUPS));
  }
#end
}

// Sum over the lanes of `lane_sums` of token `thread`, which may be overwritten then.
fn sum_of_lanes(thread: u32) -> vec4f {
  workgroupBarrier();
  let token = thread / PARTS;
  if (token < TOGETHER) {
    var sum = vec4f();
    for (var lane = thread % PARTS; lane < LANES; lane += PARTS) { sum += lane_sums[token * LANES + lane]; }
    part_sums[thread] = sum;
  }
  workgroupBarrier();
  var sum = vec4f();
  if (thread < TOGETHER) {
    for (var part = 0u; part < PARTS; part++) { sum += part_sums[thread * PARTS + part]; }
  }
  return sum;
}
