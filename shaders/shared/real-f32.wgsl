// `real`: the storage type of KV cache and matrix tiles. This is the variant for adapters without shader-f16.
alias real = f32;
alias real4 = vec4<f32>;

fn to_real(value: vec4f) -> real4 { return value; }
