// Epilogue: y[T, STRIDE] at FIRST += SCALE * token_scale * result. The residual stream after the attention output or the MLP.
#import token-scale
override N: u32;             // rows of W, multiple of 4
override STRIDE: u32;
override FIRST: u32;         // multiple of 4
override SCALE: f32;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  y[(token * STRIDE + FIRST) / 4u + group] += SCALE * token_scale(token) * result;
}
