// Epilogue: y[T, N] = gated(y, result), where y holds the gate. For a gate and an up projection of different types.
#import gate
override N: u32;             // rows of W, multiple of 4
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn finish(token: u32, group: u32, up: vec4f, paired: vec4f) {
  y[token * (N / 4u) + group] = gated(y[token * (N / 4u) + group], up);
}
