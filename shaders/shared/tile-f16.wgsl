enable f16;
// Storage of matmul tiles in workgroup memory: half the space and traffic; activations beyond 65504 would not fit.
alias tile4 = vec4<f16>;
