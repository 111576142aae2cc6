// Mamba-2 over the chunks of a sequence, one after the other; a workgroup takes COLUMNS units of 4 values of a head's state S. With G
// the sum of A dt in the chunk up to a row, L at its end, and u = dt x, of a chunk:
//   y_i = (exp(G_i) Sᵀ C_i + sum over j <= i of mix[i, j] exp(G_i - G_j) u_j + D x_i) * silu(z_i)
//   S = exp(L) S + sum over j of B_j (exp(L - G_j) u_j)ᵀ
#import query-tile
#import mamba2-row
override THREADS: u32;
override COLUMNS: u32;
const CHUNK = 64u;
const TILES = CHUNK / 4u;
override STATES: u32 = STATE / 4u;
override VALUES: u32 = HEAD_DIM / 4u;
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;              // [T, WIDTH]: x, B, C after the convolution
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;           // [T, HEADS * HEAD_DIM]
@group(0) @binding(4) var<storage, read_write> memory: array<vec4f>;      // by slot: [HEADS, STATE, HEAD_DIM]
@group(0) @binding(5) var<storage, read> mix: array<vec4f>;               // [chunk, group, CHUNK, CHUNK]

var<workgroup> s: array<vec4f, STATE * COLUMNS>;
var<workgroup> inputs: array<vec4f, CHUNK * COLUMNS>;     // u
var<workgroup> steps: array<f32, CHUNK>;                  // dt
var<workgroup> total: array<f32, CHUNK>;                  // G
var<workgroup> left: array<f32, CHUNK>;                   // exp(L - G)

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let head = workgroup.x;
  let group = head / (HEADS / GROUPS);
  let column = thread % COLUMNS;                           // THREADS is a multiple of COLUMNS
  let unit = workgroup.y * COLUMNS + column;
  let mine = unit < VALUES;
  let b_at = INNER / 4u + group * STATES;
  let c_at = b_at + GROUPS * STATES;
  let states = STATES + unknown_zero();                    // no compiler is to write the loop out
  let slot = slot_at(workgroup.z);
  let begin = first_row(slot);
  let end = begin + row_count(slot);
  let begins = position_of(begin) == 0u;
  let memory_at = (slot * HEADS + head) * STATE;
  let chunk = tiles_of(workgroup.z, CHUNK, 1u);            // the sequence's first
  let a = of_head(A_AT, head);
  for (var i = thread; i < STATE * COLUMNS; i += THREADS) {
    s[i] = vec4f();
    if (mine && !begins) { s[i] = memory[(memory_at + i / COLUMNS) * VALUES + unit]; }
  }
  for (var first = begin; first < end; first += CHUNK) {
    let count = min(CHUNK, end - first);
    let place = (chunk + (first - begin) / CHUNK) * GROUPS + group;
    for (var i = thread; i < CHUNK; i += THREADS) {
      steps[i] = 0.0;
      if (i < count) { steps[i] = step_of(first + i, head); }
    }
    workgroupBarrier();
    for (var i = thread; i < CHUNK; i += THREADS) {
      var sum = 0.0;
      for (var j = 0u; j <= i; j++) { sum += steps[j]; }
      total[i] = a * sum;
    }
    for (var item = thread; item < CHUNK * COLUMNS; item += THREADS) {
      let i = item / COLUMNS;
      inputs[item] = vec4f();
      if (mine && i < count) { inputs[item] = steps[i] * rows[(first + i) * (WIDTH / 4u) + head * VALUES + unit]; }
    }
    workgroupBarrier();

    let last = total[CHUNK - 1u];
    for (var i = thread; i < CHUNK; i += THREADS) { left[i] = exp(last - total[i]); }
    for (var item = thread; item < count * COLUMNS && mine; item += THREADS) {
      let i = item / COLUMNS;
      let row = (first + i) * (WIDTH / 4u);
      var sum = vec4f();
      for (var d = 0u; d < states; d++) {
        let c = rows[row + c_at + d];
        for (var e = 0u; e < 4u; e++) { sum += c[e] * s[(d * 4u + e) * COLUMNS + column]; }
      }
      sum *= exp(total[i]);
      for (var j = 0u; j <= i / 4u; j++) {
        let seen = mix[(place * CHUNK + i) * TILES + j];
        for (var e = 0u; e < 4u; e++) {
          let other = j * 4u + e;
          // 0 beyond the row itself, where the exponent would be above 0
          sum += seen[e] * exp(min(total[i] - total[other], 0.0)) * inputs[other * COLUMNS + column];
        }
      }
      y[((first + i) * HEADS + head) * VALUES + unit] =
        gated_output(first + i, head, unit, sum, rows[row + head * VALUES + unit]);
    }
    workgroupBarrier();

    let decay = exp(last);
    for (var item = thread; item < STATES * COLUMNS; item += THREADS) {
      let d = item / COLUMNS;
      var sum = array<vec4f, 4>();  // its value stated: without one Dawn on lavapipe zeroes it in the first round only
      for (var i = 0u; i < count; i++) {
        let b = rows[(first + i) * (WIDTH / 4u) + b_at + d] * left[i];
        for (var e = 0u; e < 4u; e++) { sum[e] += b[e] * inputs[i * COLUMNS + column]; }
      }
      for (var e = 0u; e < 4u; e++) {
        let at = (d * 4u + e) * COLUMNS + column;
        s[at] = decay * s[at] + sum[e];
      }
    }
    workgroupBarrier();
  }
  for (var i = thread; i < STATE * COLUMNS && mine; i += THREADS) {
    memory[(memory_at + i / COLUMNS) * VALUES + unit] = s[i];
  }
}
