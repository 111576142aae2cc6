// Storage of matmul tiles in workgroup memory: exact.
alias tile4 = vec4f;
