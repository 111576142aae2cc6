// Attention sinks: one learned logit a head, which joins the sum of weights and has no value. Softmax starts as if
// it were a key already seen.
override SINKS_AT: u32;      // words of `sinks` before the first
@group(0) @binding(7) var<storage, read> sinks: array<vec4f>;   // [HEADS], 4 a word, natural logarithm
const START_WEIGHT = 1.0;

fn start_maximum(head: u32) -> f32 {
  return sinks[SINKS_AT + head / 4u][head % 4u] * 1.4426950408889634;   // log2(e)
}
