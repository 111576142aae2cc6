// Epilogue: y[T, STRIDE] at FIRST = activation(result) * factor, for an MLP without a gate.
#import gate
#import factor
override N: u32;             // rows of W, multiple of 4
override STRIDE: u32;
override FIRST: u32;         // multiple of 4
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  y[(token * STRIDE + FIRST) / 4u + group] = gated(result, factor(token, group));
}
