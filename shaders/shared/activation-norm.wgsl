// RMSNorm before the product, without a pass of its own: W (x * g / rms) = (W (x * g)) / rms, so the sum of squares is
// collected beside the product and divides the result.
#import vectors
override EPS: f32;
override NORM_AT: u32;       // where the norm's scale begins in `vectors`
const NORMALISED = true;

// `column` in units of vec4f.
fn weigh(value: vec4f, column: u32) -> vec4f { return value * vectors[NORM_AT + column]; }

fn rms_scale(sum_of_squares: f32) -> f32 { return inverseSqrt(sum_of_squares / f32(K) + EPS); }
