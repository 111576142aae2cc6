// Greatest key of a workgroup with its id, the lowest id on ties: independent of order, so always the same.
// Two levels instead of a tree: each barrier costs where a CPU plays the GPU, in running as in compiling.
override THREADS: u32;       // at most 256
const GROUP = 16u;           // partial results that one thread joins
var<workgroup> bests: array<vec2u, THREADS>;

fn better(a: vec2u, b: vec2u) -> vec2u {
  return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y));
}

// Best (key, id) of all threads, to all threads. A barrier must stand between two calls.
fn reduce_best(thread: u32, own: vec2u) -> vec2u {
  bests[thread] = own;
  workgroupBarrier();
  if (thread % GROUP == 0u) {
    var best = own;
    for (var i = thread + 1u; i < min(thread + GROUP, THREADS); i++) { best = better(best, bests[i]); }
    bests[thread] = best;
  }
  workgroupBarrier();
  var best = bests[0];
  for (var i = GROUP; i < THREADS; i += GROUP) { best = better(best, bests[i]); }
  return best;
}
