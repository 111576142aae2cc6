// x[t] = SCALE * sum over slots s of weights[t, s] * z[t * SLOTS + s], or x[t] += it: the end of a mixture of experts in prefill.
#import state
override N: u32;             // row length, multiple of 4
override SLOTS: u32;
override SCALE: f32;
override ADD: bool;
override THREADS: u32;
// z[T * SLOTS, N]
@group(0) @binding(0) var<storage, read> z: array<vec4f>;
// weights[T, SLOTS]
@group(0) @binding(1) var<storage, read> weights: array<f32>;
// x[T, N]
@group(0) @binding(2) var<storage, read_write> x: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (stopped() || id.x >= N / 4u) { return; }
  var sum = vec4f();
  for (var slot = 0u; slot < SLOTS; slot++) {
    let pair = id.y * SLOTS + slot;
    sum += weights[pair] * z[pair * (N / 4u) + id.x];
  }
  let place = id.y * (N / 4u) + id.x;
  if (ADD) { x[place] += SCALE * sum; } else { x[place] = SCALE * sum; }
}
