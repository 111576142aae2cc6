enable f16;
// Storage of matmul tiles in workgroup memory: half the space and traffic. Activations beyond 65504 do not fit.
alias tile4 = vec4<f16>;
