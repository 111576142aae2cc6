// Gated delta net (Yang et al. 2025) of a token of each sequence, one workgroup a head and row: q, k, v = silu(convolution), q and k normed;
// S = decay S + k (beta (v - decay Sᵀ k))ᵀ; y = norm(Sᵀ q / sqrt(KEY)) * silu(z). S[KEY, VALUE] of each slot and head, zero at position 0.
#import delta-row
#import conv-decode
override EPS: f32;
override NORM_AT: u32;       // VALUE scales in `vectors`, the same for all heads
override PARTS: u32;         // teams that share the rows of S; a team has a thread for each unit of 4 values
override VALUES: u32 = VALUE / 4u;
override KEYS: u32 = KEY / 4u;
override THREADS: u32 = PARTS * VALUES;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> memory: array<vec4f>;

var<workgroup> row: array<vec4f, 2u * KEYS + VALUES>;   // q, k, v after the convolution
var<workgroup> seen_k: array<vec4f, THREADS>;           // each team's part of Sᵀ k, then the head's result
var<workgroup> seen_q: array<vec4f, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let head = workgroup.x;
  let key_head = head % K_HEADS;
  let t = workgroup.y;
  let slot = slot_of(t);
  let keys = KEYS + unknown_zero();                       // no compiler is to write these loops out
  let values = VALUES + unknown_zero();
  let position = position_of(t);
  for (var i = thread; i < 2u * KEYS + VALUES; i += THREADS) {
    let is_key = i < 2u * KEYS;
    let channel = select(2u * K_HEADS * KEYS + head * VALUES + i - 2u * KEYS,
      (i / KEYS * K_HEADS + key_head) * KEYS + i % KEYS, is_key);
    row[i] = convolved(t, slot, position, channel, !is_key || head < K_HEADS);
  }
  workgroupBarrier();
  var squares = vec3f();     // q q, k k, q k
  for (var i = 0u; i < keys; i++) {
    let q = row[i];
    let k = row[KEYS + i];
    squares += vec3f(dot(q, q), dot(k, k), dot(q, k));
  }
  let q_scale = inverse_length(squares.x) * inverseSqrt(f32(KEY));
  let k_scale = inverse_length(squares.y);
  let decay = select(0.0, exp(log_decay(t, head)), position > 0u);

  let unit = thread % VALUES;
  let part = thread / VALUES;
  let base = (slot * HEADS + head) * KEY * VALUES + unit;
  var by_k = vec4f();
  var by_q = vec4f();
  for (var i = part; i < keys && position > 0u; i += PARTS) {
    let q = row[i];
    let k = row[KEYS + i];
    for (var e = 0u; e < 4u; e++) {
      let s = memory[base + (i * 4u + e) * VALUES];
      by_k += k[e] * s;
      by_q += q[e] * s;
    }
  }
  seen_k[thread] = by_k;
  seen_q[thread] = by_q;
  workgroupBarrier();
  by_k = vec4f();
  by_q = vec4f();
  for (var i = 0u; i < PARTS; i++) {
    by_k += seen_k[i * VALUES + unit];
    by_q += seen_q[i * VALUES + unit];
  }
  let change = beta_of(t, head) * (row[2u * KEYS + unit] - decay * k_scale * by_k) * k_scale;
  for (var i = part; i < keys; i += PARTS) {
    let k = row[KEYS + i];
    for (var e = 0u; e < 4u; e++) {
      let at = base + (i * 4u + e) * VALUES;
      // what an earlier sequence left there may be no number
      memory[at] = select(vec4f(), decay * memory[at], position > 0u) + k[e] * change;
    }
  }
  let result = q_scale * (decay * by_q + squares.z * change);
  workgroupBarrier();
  if (part == 0u) { seen_k[unit] = result; }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < values; i++) { sum += dot(seen_k[i], seen_k[i]); }
  let z = x[(t * STRIDE + WIDTH) / 4u + head * VALUES + unit];
  if (part == 0u) {
    let normed = result * inverseSqrt(sum / f32(VALUE) + EPS) * vectors[NORM_AT + unit];
    y[(t * HEADS + head) * VALUES + unit] = normed * z / (1.0 + exp(-z));
  }
}
