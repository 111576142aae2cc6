// Epilogue of a paired product: y[T, F] = gated(gate, up), where rows 0..F of W are the gate and F..2F the up projection.
#import gate
override N: u32;             // F, multiple of 4
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

fn finish(token: u32, group: u32, gate: vec4f, up: vec4f) { y[token * (N / 4u) + group] = gated(gate, up); }
