// Online softmax (Milakov & Gimelshein 2018) in powers of two: scores carry log2(e) in SCALE, so weights are
// exp2.
override SCALE: f32;         // score = dot(q, k) * SCALE; the caller's scale * log2(e)

// Masked scores lie so far below the first running maximum that their weight is 0 even where a row has seen
// no key yet. Finite: implementations may assume that there are no infinities.
const MASKED = -1e30;
const NO_MAXIMUM = -1e20;
