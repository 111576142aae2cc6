enable f16;
// `real`: the storage type of KV cache and matrix tiles. This is the variant for adapters with shader-f16.
alias real = f16;
alias real4 = vec4<f16>;
