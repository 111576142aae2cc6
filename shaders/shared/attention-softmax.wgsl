// Online softmax (Milakov & Gimelshein 2018) in powers of two: scores carry log2(e), so weights are exp2.
override SCALE: f32;         // score = capped(dot(q, k) * SCALE): the caller's scale * log2(e); with a cap, 2 / cap of that
override CAP: f32 = 0.0;     // the caller's cap * log2(e); 0 = none

// Masked scores lie so far below the first running maximum that their weight is 0 even where a row has seen
// no key yet. Finite: implementations may assume that there are no infinities.
const MASKED = -1e30;
const NO_MAXIMUM = -1e20;

// CAP * tanh(x) where 2^s = e^2x. The limit keeps exp2 finite and is far past where tanh is 1; `tanh` itself may be
// wrong by 1e-5, and NaN for large numbers.
fn capped(s: vec4f) -> vec4f {
  if (CAP == 0.0) { return s; }
  return CAP - 2.0 * CAP / (exp2(clamp(s, vec4f(-64.0), vec4f(64.0))) + 1.0);
}
