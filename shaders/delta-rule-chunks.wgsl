// Gated delta net in chunks of CHUNK rows (WY form: Yang et al. 2024, with decay 2025), what needs no state: a workgroup a chunk of a
// sequence and head. With G the sum of logarithms of decay in the chunk up to a row, and q, k normed:
//   A[i, j] = beta_i (k_i k_j) exp(G_i - G_j) for j < i;   solve = (1 + A)^-1 beta;   mix[i, j] = (q_i k_j) exp(G_i - G_j) / sqrt(KEY)
// for j <= i. Rows past the sequence's count as beta = 0 without decay.
#import delta-row
#import query-tile
override THREADS: u32;
const CHUNK = 64u;
const TILES = CHUNK / 4u;
override KEYS: u32 = KEY / 4u;
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;              // [T, WIDTH]: q, k, v after the convolution
@group(0) @binding(2) var<storage, read_write> matrices: array<vec4f>;    // [chunk, head, (solve, mix), CHUNK, CHUNK]
// of a row: exp(G) at the chunk's end; factors of k for what it reads and of q for what it reads of the state before the chunk; of
// k for what it leaves at its end
@group(0) @binding(4) var<storage, read_write> factors: array<vec4f>;     // [chunk, head, CHUNK]

var<workgroup> lower: array<f32, CHUNK * (CHUNK - 1u) / 2u>;              // A, then (1 + A)^-1 without its diagonal
var<workgroup> total: array<f32, CHUNK>;                                  // G
var<workgroup> beta: array<f32, CHUNK>;
var<workgroup> q_scale: array<f32, CHUNK>;
var<workgroup> k_scale: array<f32, CHUNK>;

fn lower_at(i: u32, j: u32) -> u32 { return i * (i - 1u) / 2u + j; }

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped() || workgroup.x >= query_tiles(CHUNK, 1u)) { return; }
  let head = workgroup.y;
  let chunk = query_tile(workgroup.x, CHUNK, 1u);
  let first = chunk.first;
  let count = chunk.end - first;
  let last_of_chunk = chunk.end - 1u;
  let q_at = head % K_HEADS * KEYS;
  let k_at = q_at + K_HEADS * KEYS;
  let place = workgroup.x * HEADS + head;
  // bounds that compilers cannot see, so that none writes the loops out
  let keys = KEYS + unknown_zero();
  let steps = CHUNK + unknown_zero();
  for (var i = thread; i < CHUNK; i += THREADS) {
    let t = min(first + i, last_of_chunk);
    let mine = i < count;
    var squares = vec2f();
    for (var unit = 0u; unit < keys; unit++) {
      let q = rows[t * (WIDTH / 4u) + q_at + unit];
      let k = rows[t * (WIDTH / 4u) + k_at + unit];
      squares += vec2f(dot(q, q), dot(k, k));
    }
    q_scale[i] = inverse_length(squares.x) * inverseSqrt(f32(KEY));
    k_scale[i] = inverse_length(squares.y);
    beta[i] = select(0.0, beta_of(t, head), mine);
    lower[i] = select(0.0, log_decay(t, head), mine);
  }
  workgroupBarrier();
  for (var i = thread; i < CHUNK; i += THREADS) {
    var sum = 0.0;
    for (var j = 0u; j <= i; j++) { sum += lower[j]; }
    total[i] = sum;
  }
  workgroupBarrier();

  let last = total[CHUNK - 1u];
  for (var i = thread; i < CHUNK; i += THREADS) {
    let so_far = exp(total[i]);
    factors[place * CHUNK + i] =
      vec4f(exp(last), k_scale[i] * so_far, q_scale[i] * so_far, k_scale[i] * exp(last - total[i]));
  }
  for (var tile = thread; tile < TILES * TILES; tile += THREADS) {
    let i = tile / TILES * 4u;
    let j = tile % TILES * 4u;
    if (j > i) { continue; }
    var by_k = array<vec4f, 4>();
    var by_q = array<vec4f, 4>();
    for (var unit = 0u; unit < keys; unit++) {
      var right = mat4x4f();
      for (var e = 0u; e < 4u; e++) { right[e] = rows[min(first + j + e, last_of_chunk) * (WIDTH / 4u) + k_at + unit]; }
      for (var e = 0u; e < 4u; e++) {
        let at = min(first + i + e, last_of_chunk) * (WIDTH / 4u) + unit;
        by_k[e] += rows[at + k_at] * right;
        by_q[e] += rows[at + q_at] * right;
      }
    }
    for (var e = 0u; e < 4u; e++) {
      let row = i + e;
      var mix = vec4f();
      for (var c = 0u; c < 4u; c++) {
        let column = j + c;
        if (column > row) { break; }
        let scale = k_scale[column] * exp(total[row] - total[column]);
        mix[c] = by_q[e][c] * q_scale[row] * scale;
        if (column < row) { lower[lower_at(row, column)] = by_k[e][c] * beta[row] * k_scale[row] * scale; }
      }
      matrices[((place * 2u + 1u) * CHUNK + row) * TILES + tile % TILES] = mix;
    }
  }
  workgroupBarrier();

  // row by row: a column of the inverse is one thread's
  for (var i = 1u; i < steps; i++) {
    var value = 0.0;
    if (thread < i) {
      value = -lower[lower_at(i, thread)];
      for (var j = thread + 1u; j < i; j++) { value -= lower[lower_at(i, j)] * lower[lower_at(j, thread)]; }
    }
    workgroupBarrier();
    if (thread < i) { lower[lower_at(i, thread)] = value; }
    workgroupBarrier();
  }
  for (var at = thread; at < CHUNK * TILES; at += THREADS) {
    let i = at / TILES;
    var solve = vec4f();
    for (var c = 0u; c < 4u; c++) {
      let j = at % TILES * 4u + c;
      if (j == i) { solve[c] = beta[j]; }
      if (j < i) { solve[c] = lower[lower_at(i, j)] * beta[j]; }
    }
    matrices[place * 2u * CHUNK * TILES + at] = solve;
  }
}
