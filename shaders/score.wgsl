// out[t] = logits[t][targets[t]] - log(sum(exp(logits[t]))): log-probability of each row's target, one
// workgroup a row. NaN where the row holds NaN or +infinity, or where the target is no id.
#import state
#import sample-keys
override V: u32;             // vocabulary size
override THREADS: u32;       // a power of two
@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
// bits of f32: WGSL may lose a NaN that passes through its arithmetic
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

var<workgroup> greatest: array<u32, THREADS>;
var<workgroup> sums: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let row = workgroup.x;
  let base = row * V;
  var top = 0u;
  for (var id = thread; id < V; id += THREADS) { top = max(top, key_of_bits(logits[base + id])); }
  greatest[thread] = top;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { greatest[thread] = max(greatest[thread], greatest[thread + half]); }
  }
  workgroupBarrier();
  top = greatest[0];
  let peak = value_of(clamp(top, NEGATIVE_INFINITY + 1u, POSITIVE_INFINITY - 1u));
  var sum = 0.0;
  for (var id = thread; id < V; id += THREADS) {
    let key = key_of_bits(logits[base + id]);
    if (!is_failure(key)) { sum += exp(max(value_of(key) - peak, -100.0)); }
  }
  sums[thread] = sum;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { sums[thread] += sums[thread + half]; }
  }
  if (thread != 0u) { return; }
  let target_id = targets[row];
  var bits = 0x7fc00000u;
  if (target_id < V && !is_failure(top)) {
    let key = key_of_bits(logits[base + target_id]);
    bits = select(bitcast<u32>((value_of(key) - peak) - log(sums[0])), 0xff800000u, key == NEGATIVE_INFINITY);
  }
  out[row] = bits;
}
