// ids[t] = the SLOTS experts with the greatest choice_key() of logits[t], greatest first, the lower id on ties; weights[t] =
// SCALE * expert_scale() * their share() of the sum of shares, over all experts or over the chosen ones. One workgroup a token.
// NaN counts as greatest, so that ids are always ids, and makes all weights NaN, as infinity does.
#import state
#import sample-keys
#import router
#import expert-scale
override E: u32;             // experts
override SLOTS: u32;         // experts of a token
override OVER_ALL: bool;
override SCALE: f32;
override THREADS: u32;
// logits[T, E], weights[T, SLOTS]: bits of f32, since WGSL may lose a NaN that passes through its arithmetic
@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read_write> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> weights: array<u32>;

var<workgroup> keys: array<u32, E>;
var<workgroup> chosen: array<u32, SLOTS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let token = workgroup.x;
  for (var expert = thread; expert < E; expert += THREADS) {
    keys[expert] = choice_key(expert, logits[token * E + expert]);
  }
  workgroupBarrier();
  for (var expert = thread; expert < E; expert += THREADS) {
    // an expert's slot is the number of those before it: all differ, without rounds and barriers
    let key = keys[expert];
    var slot = 0u;
    for (var other = 0u; other < E && slot < SLOTS; other++) {
      if (keys[other] > key || (keys[other] == key && other < expert)) { slot++; }
    }
    if (slot < SLOTS) { chosen[slot] = expert; }
  }
  workgroupBarrier();
  var total = 0.0;
  if (OVER_ALL) {
    for (var expert = 0u; expert < E; expert++) { total += share(token, expert); }
  } else {
    for (var slot = 0u; slot < SLOTS; slot++) { total += share(token, chosen[slot]); }
  }
  for (var slot = thread; slot < SLOTS; slot += THREADS) {
    var bits = 0x7fc00000u;
    if (!is_failure(keys[chosen[0]])) {
      bits = bitcast<u32>(SCALE * expert_scale(chosen[slot]) * share(token, chosen[slot]) / total);
    }
    ids[token * SLOTS + slot] = chosen[slot];
    weights[token * SLOTS + slot] = bits;
  }
}
