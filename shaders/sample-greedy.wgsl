// Last dispatch of greedy sampling, one workgroup: the token with the greatest logit, the lowest id on ties.
#import sample-commit
#import sample-best
override SLICES: u32;
@group(0) @binding(0) var<storage, read> peaks: array<vec4u>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var best = vec2u(0u);
  for (var slice = thread; slice < SLICES; slice += THREADS) { best = better(best, peaks[slice].xy); }
  best = reduce_best(thread, best);
  if (thread != 0u || stopped()) { return; }
  if (is_failure(best.x)) {
    fail();
  } else {
    commit(best.y);
  }
}
