// First dispatch of sampling, many workgroups for each draw (z): adjusts logits[draw][V] (repetition penalty, frequency and presence
// penalty, bias) and finds the greatest of each slice of SLICE ids. With FILTERS also keeps the adjusted
// logits and, for top-p, sums each slice's weights relative to its own greatest.
#import state
#import sample-best
#import sample-weight
override V: u32;             // vocabulary size
override SLICE: u32;         // ids per workgroup
override SLICES: u32;
override FILTERS: bool;      // draws with filters; else greedy ones
@group(0) @binding(0) var<storage, read> logits: array<u32>;
// [draw][V]
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
// per draw and slice: greatest key, its id, bits of the weights' sum
@group(0) @binding(2) var<storage, read_write> peaks: array<vec4u>;
@group(0) @binding(3) var<storage, read> history: array<u32>;   // see sample-commit.wgsl
@group(0) @binding(4) var<storage, read> bias: array<f32>;      // [slot][V]
const WINDOW = 64u;          // as in sample-commit.wgsl

var<workgroup> sums: array<f32, THREADS>;

fn adjusted_key(id: u32) -> u32 {
  let raw = key_of_bits(logits[draw * V + id]);
  if ((asked[slot].flags & (USES_HISTORY | USES_BIAS)) == 0u || is_failure(raw)) { return raw; }
  var logit = value_of(raw);
  if (uses(USES_HISTORY)) {
    let seen = history[slot * (V + WINDOW) + id];
    if ((seen & 0xffu) != 0u) {
      logit = select(logit * asked[slot].repetition, logit / asked[slot].repetition, logit > 0.0);
    }
    let count = seen >> 8u;
    if (count != 0u) { logit -= asked[slot].frequency * f32(count) + asked[slot].presence; }
  }
  if (uses(USES_BIAS)) {
    let added = bias[slot * V + id];
    if (key_of(added) == NEGATIVE_INFINITY) { return NEGATIVE_INFINITY; }
    logit += added;
  }
  return key_of(logit);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let asking = begin_draw(workgroup.z, !FILTERS);
  if (asking == NO_SLOT) { return; }
  let start = workgroup.x * SLICE;
  let end = min(start + SLICE, V);
  var best = vec2u(0u);
  for (var id = start + thread; id < end; id += THREADS) {
    let key = adjusted_key(id);
    if (FILTERS) { keys[draw * V + id] = key; }
    best = better(best, vec2u(key, id));
  }
  best = reduce_best(thread, best);
  var sum = 0.0;
  if (FILTERS && flagged(asking, USES_MASS)) {
    let greatest = value_of(best.x);
    for (var id = start + thread; id < end; id += THREADS) {
      let key = keys[draw * V + id];
      if (key > NEGATIVE_INFINITY) { sum += weight_of(key, greatest); }
    }
    sums[thread] = sum;
    workgroupBarrier();
    if (thread % GROUP == 0u) {
      for (var i = thread + 1u; i < min(thread + GROUP, THREADS); i++) { sum += sums[i]; }
      sums[thread] = sum;
    }
    workgroupBarrier();
    for (var i = GROUP; i < THREADS; i += GROUP) { sum += sums[i]; } // thread 0's is the one that counts
  }
  if (thread == 0u) { peaks[draw * SLICES + workgroup.x] = vec4u(best, bitcast<u32>(sum), 0u); }
}
