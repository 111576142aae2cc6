// Last dispatch of greedy sampling, a workgroup a draw: the token with the greatest logit, the lowest id on ties.
#import sample-commit
#import sample-best
override SLICES: u32;
@group(0) @binding(0) var<storage, read> peaks: array<vec4u>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let asking = begin_draw(workgroup.x, true);
  var best = vec2u(0u);
  for (var slice = thread; slice < SLICES; slice += THREADS) { best = better(best, peaks[draw * SLICES + slice].xy); }
  best = reduce_best(thread, best);
  if (thread != 0u || asking == NO_SLOT) { return; }
  if (is_failure(best.x)) {
    fail();
  } else {
    commit(best.y);
  }
}
