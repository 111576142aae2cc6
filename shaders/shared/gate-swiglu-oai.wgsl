// SwiGLU of gpt-oss: both sides clamped at 7, a steeper sigmoid, and 1 added to up.
fn gated(gate: vec4f, up: vec4f) -> vec4f {
  let g = min(gate, vec4f(7.0));
  return g / (1.0 + exp(-1.702 * g)) * (clamp(up, vec4f(-7.0), vec4f(7.0)) + 1.0);
}
