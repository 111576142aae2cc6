// A gate on each head's result, in place: y[t, head] = y[t, head] * sigmoid(gate), or norm(y[t, head]) * silu(gate) with RMSNorm
// (Zhang & Sennrich 2019) over the head. One workgroup a head and token.
#import state
#import thread-sum
#import vectors
override HEAD_DIM: u32;      // multiple of 4
override NORMED: bool;
override EPS: f32;
override WEIGHT_AT: u32;     // HEAD_DIM scales in `vectors`, the same for all heads
override STRIDE: u32;        // elements of a row of gates
override FIRST: u32;         // where the first head's gate stands in it
override STEP: u32;          // from one head's to the next; all three multiples of 4
override THREADS: u32;
@group(0) @binding(0) var<storage, read> gates: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) heads: vec3u,
        @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let base = (workgroup.y * heads.x + workgroup.x) * (HEAD_DIM / 4u);
  let gate_at = (workgroup.y * STRIDE + FIRST + workgroup.x * STEP) / 4u;
  var scale = 1.0;
  if (NORMED) {
    var squares = 0.0;
    for (var i = thread; i < HEAD_DIM / 4u; i += THREADS) { squares += dot(y[base + i], y[base + i]); }
    scale = inverseSqrt(thread_sum(squares, thread) / f32(HEAD_DIM) + EPS);
  }
  for (var i = thread; i < HEAD_DIM / 4u; i += THREADS) {
    let gate = gates[gate_at + i];
    var factor = 1.0 / (1.0 + exp(-gate));
    if (NORMED) { factor *= gate * scale * vectors[WEIGHT_AT + i]; }
    y[base + i] *= factor;
  }
}
