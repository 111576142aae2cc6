// Eight F16 or BF16 numbers.
const BLOCK_BYTES = 16u;
const BLOCK_UNITS = 1u;
const BLOCK_WORDS = 4u;
#import block-plain
