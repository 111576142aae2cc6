// Eight F32 numbers.
const BLOCK_BYTES = 32u;
const BLOCK_UNITS = 1u;
const BLOCK_WORDS = 8u;
#import block-plain
