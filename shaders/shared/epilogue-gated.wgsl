// Epilogue: y[T, N] = silu(y) * result, where y holds the gate. For a gate and an up projection of different types.
override N: u32;             // rows of W, multiple of 4
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn finish(token: u32, group: u32, up: vec4f, paired: vec4f) {
  let gate = y[token * (N / 4u) + group];
  y[token * (N / 4u) + group] = gate / (1.0 + exp(-gate)) * up;
}
