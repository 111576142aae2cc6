// Epilogue: y[T, STRIDE] at FIRST = SCALE * result, then capped where CAP > 0: cap * tanh(result / cap) (Gemma 2).
override N: u32;             // rows of W; need not be a multiple of 4
override STRIDE: u32;
override FIRST: u32;
override SCALE: f32;
override CAP: f32;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  var logits = SCALE * result;
  // beyond 15 the tangent is 1 in f32, and some drivers overflow on the way to it
  if (CAP > 0.0) { logits = CAP * tanh(clamp(logits / CAP, vec4f(-15.0), vec4f(15.0))); }
  for (var i = 0u; i < 4u; i++) {
    if (group * 4u + i < N) { y[token * STRIDE + FIRST + group * 4u + i] = logits[i]; }
  }
}
