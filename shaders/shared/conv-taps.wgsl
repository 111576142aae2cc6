// Weights of a short convolution, and where its inputs of earlier positions stand. WIDTH, a multiple of 4, is the shader's.
override TAPS: u32;          // at least 2
override WEIGHT_AT: u32;     // w[channel][tap] in `vectors`

fn history_at(slot: u32, position: u32) -> u32 { return (slot * TAPS + position % TAPS) * (WIDTH / 4u); }

// Of 4 channels.
fn weight(channel: u32, tap: u32) -> vec4f {
  var result: vec4f;
  for (var i = 0u; i < 4u; i++) {
    let element = (channel * 4u + i) * TAPS + tap;
    result[i] = vectors[WEIGHT_AT + element / 4u][element % 4u];
  }
  return result;
}
