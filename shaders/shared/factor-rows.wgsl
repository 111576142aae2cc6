// factors[T, FACTOR_STRIDE] at FACTOR_FIRST: an input of the layer's own for each token (Gemma 4).
override FACTOR_STRIDE: u32;
override FACTOR_FIRST: u32;  // multiple of 4
@group(0) @binding(5) var<storage, read> factors: array<vec4f>;

fn factor(token: u32, group: u32) -> vec4f { return factors[(token * FACTOR_STRIDE + FACTOR_FIRST) / 4u + group]; }
