// Epilogue: y[T, N] = result. Used for logits.
override N: u32;             // rows of W; need not be a multiple of 4
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    if (group * 4u + i < N) { y[token * N + group * 4u + i] = result[i]; }
  }
}
