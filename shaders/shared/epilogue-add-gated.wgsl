// Epilogue: y[T, N] += SCALE * sigmoid(token_gate[T]) * result. The residual stream after the shared expert of a mixture.
override N: u32;             // rows of W, multiple of 4
override SCALE: f32;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read> token_gate: array<f32>;

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  y[token * (N / 4u) + group] += SCALE * result / (1.0 + exp(-token_gate[token]));
}
