// GELU in its tanh form (Hendrycks & Gimpel 2016), times up; 1 + tanh(u) = 2 / (1 + exp(-2u)) cannot overflow to NaN.
fn gated(gate: vec4f, up: vec4f) -> vec4f {
  let u = 0.7978845608028654 * (gate + 0.044715 * gate * gate * gate);
  return gate / (1.0 + exp(-2.0 * u)) * up;
}
