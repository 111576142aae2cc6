// The tile of matmul.wgsl for medium matrices: 64 tokens by 64 rows, 32 columns at a time. There is no room for padding.
const TOKEN_LANES = 16u;
const ROW_LANES = 8u;
const COLUMNS = 8u;
const SLICES = 2u;
const PADDING = 0u;
