// The tile of matmul.wgsl for small matrices: 32 tokens by 64 rows, 32 columns at a time.
const TOKEN_LANES = 8u;
const ROW_LANES = 8u;
const COLUMNS = 8u;
const SLICES = 4u;
const PADDING = 1u;
