// What one request asks of the sampler; written before the request, packed by src/kernels/sample-params.ts, which
// reads this file.
struct SampleParams {
  flags: u32,
  seed: u32,
  // 0 = all
  top_k: u32,
  // ids of the prompt's end that stand in the window of the repetition penalty, at most 64
  tail: u32,
  temperature: f32,
  inverse_temperature: f32,
  // 1 = all
  top_p: f32,
  // min-p as a distance from the greatest logit: tokens further below it are out
  min_p_gap: f32,
  repetition: f32,
  frequency: f32,
  presence: f32,
  end_count: u32,
  end_tokens: array<vec4u, 4>,
}
@group(0) @binding(7) var<uniform> params: SampleParams;

// a penalty is on: `history` is read and kept up to date
const USES_HISTORY = 1u;
// `bias` is added
const USES_BIAS = 2u;
// top-p over the whole vocabulary: the sum of all weights is needed
const USES_MASS = 4u;
// neither top-k nor top-p: one threshold decides who is in, nothing has to be ranked
const ONE_THRESHOLD = 8u;
const USES_MIN_P = 16u;

fn uses(flag: u32) -> bool { return (params.flags & flag) != 0u; }
