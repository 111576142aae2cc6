// A row of a Mamba-2 layer's projections: [z | x | B | C | dt], with heads' z and x of HEADS * HEAD_DIM elements, groups' B and C of
// GROUPS * STATE, dt of HEADS; STRIDE elements, filled up to a multiple of 4. Neighbouring heads share a group's B and C.
#import state
#import vectors
override HEADS: u32;
override GROUPS: u32;        // a divisor of HEADS
override STATE: u32;         // elements of B and of C, multiple of 4
override HEAD_DIM: u32;      // multiple of 4
override STRIDE: u32;
override A_AT: u32;          // -exp(A_log) of each head in `vectors`
override DT_AT: u32;         // bias of dt
override D_AT: u32;
override INNER: u32 = HEADS * HEAD_DIM;
override WIDTH: u32 = INNER + 2u * GROUPS * STATE;        // x, B and C
@group(0) @binding(0) var<storage, read> x: array<vec4f>;

fn of_head(first: u32, head: u32) -> f32 { return vectors[first + head / 4u][head % 4u]; }

// log(1 + u) for u from 0 to 1, as 2 artanh(u / (2 + u)): WGSL's log of nearly 1 is too coarse for steps that are small.
fn log_of_1_and(u: f32) -> f32 {
  let w = u / (2.0 + u);
  let q = w * w;
  let high = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q / 15.0));
  return 2.0 * w * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * high))));
}

// How far a token moves a head's state: softplus(dt + bias).
fn step_of(t: u32, head: u32) -> f32 {
  let element = INNER + WIDTH + head;
  let value = x[(t * STRIDE + element) / 4u][element % 4u] + of_head(DT_AT, head);
  return max(value, 0.0) + log_of_1_and(exp(-abs(value)));
}

// What a head gives for a token before the norm, of 4 elements: what C sees of the state, the input itself, the gate.
fn gated_output(t: u32, head: u32, unit: u32, seen: vec4f, input: vec4f) -> vec4f {
  let z = x[(t * STRIDE + head * HEAD_DIM) / 4u + unit];
  return (seen + of_head(D_AT, head) * input) * z / (1.0 + exp(-z));
}
