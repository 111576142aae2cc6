// The tile of matmul.wgsl for large matrices: 64 tokens by 128 rows, 16 columns at a time.
const TOKEN_LANES = 16u;
const ROW_LANES = 16u;
const COLUMNS = 4u;
const SLICES = 1u;
const PADDING = 1u;
