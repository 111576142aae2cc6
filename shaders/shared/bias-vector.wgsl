// The product has a bias, one number a row of W.
#import vectors
override BIAS_AT: u32;       // where it begins in `vectors`

fn biased(value: vec4f, group: u32) -> vec4f { return value + vectors[BIAS_AT + group]; }
