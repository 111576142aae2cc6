// A convolution gated before and after (LFM2, Liquid AI 2025): C * conv(B X), where [B | C | X] = x[t].
override STRIDE: u32;        // elements of a row of x

fn input(t: u32, channel: u32) -> vec4f {
  let base = t * (STRIDE / 4u) + channel;
  return x[base] * x[base + 2u * (WIDTH / 4u)];
}

fn output(t: u32, channel: u32, sum: vec4f) -> vec4f { return x[t * (STRIDE / 4u) + WIDTH / 4u + channel] * sum; }
