// RMSNorm before the product, without a pass of its own: W (x * g / rms) = (W (x * g)) / rms, so the sum of squares is
// collected beside the product and divides the result.
override EPS: f32;
const NORMALISED = true;
@group(0) @binding(3) var<storage, read> norm_weight: array<vec4f>;

// `column` in units of vec4f.
fn weigh(value: vec4f, column: u32) -> vec4f { return value * norm_weight[column]; }

fn rms_scale(sum_of_squares: f32) -> f32 { return inverseSqrt(sum_of_squares / f32(K) + EPS); }
