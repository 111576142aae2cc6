// First dispatch of sampling, many workgroups: adjusts logits[V] (repetition penalty, frequency and presence
// penalty, bias) and finds the greatest of each slice of SLICE ids. With FILTERS also keeps the adjusted
// logits and, for top-p, sums each slice's weights relative to its own greatest.
#import state
#import sample-best
#import sample-weight
override V: u32;             // vocabulary size
override SLICE: u32;         // ids per workgroup
override FILTERS: bool;
@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
// per slice: greatest key, its id, bits of the weights' sum
@group(0) @binding(2) var<storage, read_write> peaks: array<vec4u>;
@group(0) @binding(3) var<storage, read> history: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

var<workgroup> sums: array<f32, THREADS>;

fn adjusted_key(id: u32) -> u32 {
  let raw = key_of_bits(logits[id]);
  if ((params.flags & (USES_HISTORY | USES_BIAS)) == 0u || is_failure(raw)) { return raw; }
  var logit = value_of(raw);
  if (uses(USES_HISTORY)) {
    let seen = history[id];
    if ((seen & 0xffu) != 0u) {
      logit = select(logit * params.repetition, logit / params.repetition, logit > 0.0);
    }
    let count = seen >> 8u;
    if (count != 0u) { logit -= params.frequency * f32(count) + params.presence; }
  }
  if (uses(USES_BIAS)) {
    let added = bias[id];
    if (key_of(added) == NEGATIVE_INFINITY) { return NEGATIVE_INFINITY; }
    logit += added;
  }
  return key_of(logit);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let start = workgroup.x * SLICE;
  let end = min(start + SLICE, V);
  var best = vec2u(0u);
  for (var id = start + thread; id < end; id += THREADS) {
    let key = adjusted_key(id);
    if (FILTERS) { keys[id] = key; }
    best = better(best, vec2u(key, id));
  }
  best = reduce_best(thread, best);
  var sum = 0.0;
  if (FILTERS && uses(USES_MASS)) {
    let greatest = value_of(best.x);
    for (var id = start + thread; id < end; id += THREADS) {
      if (keys[id] > NEGATIVE_INFINITY) { sum += weight_of(keys[id], greatest); }
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
  if (thread == 0u) { peaks[workgroup.x] = vec4u(best, bitcast<u32>(sum), 0u); }
}
