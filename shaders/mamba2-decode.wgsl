// Mamba-2 (Dao & Gu 2024) of a token of each sequence, one workgroup a head and row: x, B, C = silu(convolution);
// S = exp(A dt) S + B (dt x)ᵀ; y = (Sᵀ C + D x) * silu(z). S[STATE, HEAD_DIM] of each slot and head, zero at position 0.
#import mamba2-row
#import conv-decode
override PARTS: u32;         // teams that share the rows of S; a team has a thread for each unit of 4 values
override VALUES: u32 = HEAD_DIM / 4u;
override STATES: u32 = STATE / 4u;
override THREADS: u32 = PARTS * VALUES;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;           // [T, HEADS * HEAD_DIM]
@group(0) @binding(4) var<storage, read_write> memory: array<vec4f>;      // by slot: [HEADS, STATE, HEAD_DIM]

var<workgroup> row: array<vec4f, VALUES + 2u * STATES>;   // x, B, C after the convolution
var<workgroup> seen: array<vec4f, THREADS>;               // each team's part of Sᵀ C

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let head = workgroup.x;
  let group = head / (HEADS / GROUPS);
  let t = workgroup.y;
  let slot = slot_of(t);
  let states = STATES + unknown_zero();                   // no compiler is to write this loop out
  let position = position_of(t);
  for (var i = thread; i < VALUES + 2u * STATES; i += THREADS) {
    let own = i < VALUES;
    let side = (i - VALUES) / STATES;                     // 0: B, 1: C
    let channel = select(INNER / 4u + (side * GROUPS + group) * STATES + (i - VALUES) % STATES, head * VALUES + i, own);
    row[i] = convolved(t, slot, position, channel, own || head % (HEADS / GROUPS) == 0u);
  }
  workgroupBarrier();

  let step = step_of(t, head);
  let decay = exp(of_head(A_AT, head) * step);
  let unit = thread % VALUES;
  let part = thread / VALUES;
  let input = step * row[unit];
  let base = (slot * HEADS + head) * STATE * VALUES + unit;
  var sum = vec4f();
  for (var i = part; i < states; i += PARTS) {
    let b = row[VALUES + i];
    let c = row[VALUES + STATES + i];
    for (var e = 0u; e < 4u; e++) {
      let at = base + (i * 4u + e) * VALUES;
      // what an earlier sequence left there may be no number
      let s = select(vec4f(), decay * memory[at], position > 0u) + b[e] * input;
      memory[at] = s;
      sum += c[e] * s;
    }
  }
  seen[thread] = sum;
  workgroupBarrier();
  if (part > 0u) { return; }
  for (var other = 1u; other < PARTS; other++) { sum += seen[other * VALUES + unit]; }
  y[(t * HEADS + head) * VALUES + unit] = gated_output(t, head, unit, sum, row[unit]);
}
