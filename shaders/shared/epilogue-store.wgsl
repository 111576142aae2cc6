// Epilogue: y[T, STRIDE] at FIRST = result. For logits, and for results that need a pass of their own.
override N: u32;             // rows of W; need not be a multiple of 4
override STRIDE: u32;        // columns of y
override FIRST: u32;         // first column to write
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    if (group * 4u + i < N) { y[token * STRIDE + FIRST + group * 4u + i] = result[i]; }
  }
}
