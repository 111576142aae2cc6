// Small integers as numbers, by conversion.
fn whole4(bits: vec4u) -> vec4f { return vec4f(bitcast<vec4i>(bits)); }
