enable f16;
// Storage of matmul tiles in workgroup memory: half the space and traffic, but nothing beyond 65504.
alias tile4 = vec4<f16>;
