// tanh, for classifiers. Beyond 15 it is 1 in f32, and some drivers overflow on the way to it.
fn gated(gate: vec4f, up: vec4f) -> vec4f { return tanh(clamp(gate, vec4f(-15.0), vec4f(15.0))) * up; }
