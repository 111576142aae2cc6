// A convolution with an activation (gated delta net, Mamba): silu(conv(x)) of the first WIDTH elements of a row.
override STRIDE: u32;        // elements of a row of x, multiple of 4

fn input(t: u32, channel: u32) -> vec4f { return x[t * (STRIDE / 4u) + channel]; }

fn output(t: u32, channel: u32, sum: vec4f) -> vec4f { return sum / (1.0 + exp(-sum)); }
