// Short tensors of a layer (norms' scales, biases), f32, one after the other: one binding for all that a kernel reads.
@group(0) @binding(3) var<storage, read> vectors: array<vec4f>;
