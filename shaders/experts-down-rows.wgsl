// finish(sum over slots s of expert_weights[s] * (W_s x[s] + bias_s)) for one token on a software adapter: one thread computes all
// slots of a row group. Same parts and meaning as experts-down.wgsl.
#import state
#import weights
#import activation-plain
#import expert-chosen
#import row-product
#import bias
#import epilogue
override GROUPS: u32;
override SLOTS: u32;
override THREADS: u32;
// x[SLOTS, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(7) var<storage, read> expert_weights: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let group = id.x;
  if (stopped() || group >= GROUPS) { return; }
  var sum = vec4f();
  for (var slot = 0u; slot < SLOTS; slot++) {
    if (!holds(slot)) { continue; }
    let row_group = first_group(slot) + group;
    sum += biased(row_product(row_group, slot * (K / 4u)).result, row_group) * expert_weights[slot];
  }
  finish(0u, group, sum, vec4f());
}
