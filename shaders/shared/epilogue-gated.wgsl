// Epilogue: y[T, STRIDE] at FIRST = gated(y, result), where y holds the gate. For gate and up projections apart.
#import gate
override N: u32;             // rows of W, multiple of 4
override STRIDE: u32;
override FIRST: u32;         // multiple of 4
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn finish(token: u32, group: u32, up: vec4f, paired: vec4f) {
  let place = (token * STRIDE + FIRST) / 4u + group;
  y[place] = gated(y[place], up);
}
