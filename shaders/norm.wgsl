// y[t] = norm(x[t]), or y[t] = row_scale() * (y[t] + SCALE * norm(x[t])); one workgroup a row, or one of a row's equal parts. RMSNorm (Zhang & Sennrich 2019):
// x / sqrt(mean(x^2) + EPS) * weight. CENTRED is LayerNorm (Ba et al. 2016): the same of x - mean(x), with a bias.
#import state
#import thread-sum
#import vectors
#import bias
#import row-scale
override D: u32;             // row length, or that of its parts; multiple of 4
override EPS: f32;
override THREADS: u32;
override WEIGHT_AT: u32;     // where the scale begins in `vectors`
override CENTRED: bool;
override OWN: bool;          // each part of a row has its own scale
override ADD: bool;
override SCALE: f32;
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  if (stopped()) { return; }
  let base = (workgroup.x * workgroups.y + workgroup.y) * (D / 4u);
  var mean = 0.0;
  if (CENTRED) {
    var sum = 0.0;
    for (var i = thread; i < D / 4u; i += THREADS) { sum += dot(x[base + i], vec4f(1.0)); }
    mean = thread_sum(sum, thread) / f32(D);
  }
  var squares = 0.0;
  for (var i = thread; i < D / 4u; i += THREADS) {
    let value = x[base + i] - mean;
    squares += dot(value, value);
  }
  let scale = inverseSqrt(thread_sum(squares, thread) / f32(D) + EPS);
  let weights = WEIGHT_AT + select(0u, workgroup.y * (D / 4u), OWN);
  for (var i = thread; i < D / 4u; i += THREADS) {
    let value = biased((x[base + i] - mean) * scale * vectors[weights + i], i);
    if (ADD) { y[base + i] = row_scale() * (y[base + i] + SCALE * value); } else { y[base + i] = value; }
  }
}
