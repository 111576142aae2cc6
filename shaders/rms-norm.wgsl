// y[t] = x[t] / sqrt(mean(x[t]^2) + EPS) * weight, one workgroup a row (RMSNorm, Zhang & Sennrich 2019).
#import state
override D: u32;             // row length, multiple of 4
override EPS: f32;
override THREADS: u32;
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(8) var<uniform> state: State;

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (state.finished != 0u) { return; }
  let base = workgroup.x * (D / 4u);
  var sum = 0.0;
  for (var i = thread; i < D / 4u; i += THREADS) { sum += dot(x[base + i], x[base + i]); }
  partial[thread] = sum;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < THREADS; i++) { total += partial[i]; }
  let scale = inverseSqrt(total / f32(D) + EPS);
  for (var i = thread; i < D / 4u; i += THREADS) { y[base + i] = x[base + i] * scale * weight[i]; }
}
