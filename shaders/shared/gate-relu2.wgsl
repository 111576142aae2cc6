// Squared ReLU (So et al. 2021), times up. What is no number stays none.
fn gated(gate: vec4f, up: vec4f) -> vec4f { return select(gate * gate, vec4f(), gate <= vec4f()) * up; }
