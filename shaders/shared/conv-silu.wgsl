// A convolution with an activation (gated delta net, Mamba): silu(conv(x) + bias) of WIDTH elements of a row from FIRST on.
#import bias
override STRIDE: u32;        // elements of a row of x, multiple of 4
override FIRST: u32;         // multiple of 4

fn input(t: u32, channel: u32) -> vec4f { return x[(t * STRIDE + FIRST) / 4u + channel]; }

fn output(t: u32, channel: u32, sum: vec4f) -> vec4f {
  let value = biased(sum, channel);
  return value / (1.0 + exp(-value));
}
