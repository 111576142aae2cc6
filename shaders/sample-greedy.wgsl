// Last step of greedy sampling, one workgroup: the token with the greatest logit, the lowest id on ties.
#import sample-commit
#import sample-best
override SLICES: u32;
@group(0) @binding(0) var<storage, read> peaks: array<vec4u>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var key = 0u;
  var id = 0xffffffffu;
  for (var slice = thread; slice < SLICES; slice += THREADS) {
    let peak = peaks[slice];
    if (peak.x > key) {
      key = peak.x;
      id = peak.y;
    }
  }
  reduce_best(thread, key, id);
  if (thread != 0u || state.finished != 0u) { return; }
  if (is_failure(best_keys[0])) {
    fail();
  } else {
    commit(best_ids[0]);
  }
}
