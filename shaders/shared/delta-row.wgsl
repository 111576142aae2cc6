// A row of a gated delta net's projections: [q | k | v | z | beta | alpha], with heads' q and k of K_HEADS * KEY elements, v and z
// of HEADS * VALUE, beta and alpha of HEADS; STRIDE elements, filled up to a multiple of 4. Head h has q and k of h mod K_HEADS.
#import state
#import vectors
override HEADS: u32;
override K_HEADS: u32;
override KEY: u32;           // elements of a key, multiple of 4
override VALUE: u32;         // elements of a value, multiple of 4
override STRIDE: u32;
override A_AT: u32;          // -exp(A_log) of each head in `vectors`
override DT_AT: u32;         // bias of alpha
override WIDTH: u32 = 2u * K_HEADS * KEY + HEADS * VALUE;
override BETA: u32 = WIDTH + HEADS * VALUE;
@group(0) @binding(0) var<storage, read> x: array<vec4f>;

fn number_of(t: u32, element: u32) -> f32 { return x[t * (STRIDE / 4u) + element / 4u][element % 4u]; }

// How much of what it saw a head takes back for a new token.
fn beta_of(t: u32, head: u32) -> f32 { return 1.0 / (1.0 + exp(-number_of(t, BETA + head))); }

// Logarithm of what a head keeps of its state: a * softplus(alpha + bias), at most 0.
fn log_decay(t: u32, head: u32) -> f32 {
  let step = number_of(t, BETA + HEADS + head) + vectors[DT_AT + head / 4u][head % 4u];
  return vectors[A_AT + head / 4u][head % 4u] * (max(step, 0.0) + log(1.0 + exp(-abs(step))));
}

// L2 norm of queries and keys.
fn inverse_length(squares: f32) -> f32 { return inverseSqrt(squares + 1e-6); }
