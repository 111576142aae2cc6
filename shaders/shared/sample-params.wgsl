// What a request asks of the sampler, by slot; written before the request, packed by src/kernels/sample-params.ts, which
// reads this file. `draw` is the token of the batch that a workgroup works at, `slot` the one it is drawn for: whoever
// imports this calls `begin_draw` first.
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
@group(0) @binding(7) var<uniform> asked: array<SampleParams, MAX_SEQUENCES>;

var<private> draw: u32;
var<private> slot: u32;

// a penalty is on: `history` is read and kept up to date
const USES_HISTORY = 1u;
// `bias` is added
const USES_BIAS = 2u;
// top-p over the whole vocabulary: the sum of all weights is needed
const USES_MASS = 4u;
// neither top-k nor top-p: one threshold decides who is in, nothing has to be ranked
const ONE_THRESHOLD = 8u;
const USES_MIN_P = 16u;
// temperature 0: the greatest logit is the token
const GREEDY = 32u;

fn flagged(slot: u32, flag: u32) -> bool { return (asked[slot].flags & flag) != 0u; }

fn uses(flag: u32) -> bool { return flagged(slot, flag); }

// The slot for which a workgroup is to draw the `index`-th token, or NO_SLOT. Its value tells what is the same for all
// threads, which WGSL does not believe of the variable.
const NO_SLOT = MAX_SEQUENCES;

fn begin_draw(index: u32, greedy: bool) -> u32 {
  let drawn_for = drawing_slot(index);
  draw = index;
  slot = drawn_for;
  return select(NO_SLOT, drawn_for, index < draws() && !ended(drawn_for) && flagged(drawn_for, GREEDY) == greedy);
}
