// A short convolution with SiLU of one token, where each workgroup takes the channels that it needs; several may need the same, of
// which one keeps the input, so that the history has a place more than is read.
#import state
#import conv-taps
#import bias
override CONV_AT: u32;       // where the channels begin in a row of x, multiple of 4
@group(0) @binding(1) var<storage, read_write> history: array<vec4f>;

fn convolved(t: u32, slot: u32, position: u32, channel: u32, keep: bool) -> vec4f {
  let input = x[(t * STRIDE + CONV_AT) / 4u + channel];
  var sum = biased(weight(channel, TAPS - 1u) * input, channel);
  for (var back = 1u; back < TAPS && back <= position; back++) {
    sum += weight(channel, TAPS - 1u - back) * history[history_at(slot, position - back) + channel];
  }
  if (keep) { history[history_at(slot, position) + channel] = input; }
  return sum / (1.0 + exp(-sum));
}
