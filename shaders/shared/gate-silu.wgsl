// SwiGLU (Shazeer 2020): silu(gate) * up.
fn gated(gate: vec4f, up: vec4f) -> vec4f { return gate / (1.0 + exp(-gate)) * up; }
