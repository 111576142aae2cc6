// Gated delta net over the chunks of a sequence, one after the other; a workgroup takes COLUMNS units of 4 values of a head's state
// S.
// With `delta-rule-chunks`' matrices and factors, of a chunk: U = solve (V - K' S); y = Q' S + mix U; S = decay S + K''ᵀ U.
#import query-tile
override HEADS: u32;
override K_HEADS: u32;
override KEY: u32;
override VALUE: u32;
override THREADS: u32;
override COLUMNS: u32;
const CHUNK = 64u;
const TILES = CHUNK / 4u;
override KEYS: u32 = KEY / 4u;
override VALUES: u32 = VALUE / 4u;
override UNITS: u32 = 2u * K_HEADS * KEYS + HEADS * VALUES;
@group(0) @binding(0) var<storage, read> rows: array<vec4f>;              // [T, 4 UNITS]: q, k, v
@group(0) @binding(1) var<storage, read> matrices: array<vec4f>;          // [chunk, head, (solve, mix), CHUNK, CHUNK]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;           // [T, HEADS * VALUE]
@group(0) @binding(3) var<storage, read> factors: array<vec4f>;           // [chunk, head, CHUNK]
@group(0) @binding(4) var<storage, read_write> memory: array<vec4f>;      // by slot: [HEADS, KEY, VALUE]

var<workgroup> s: array<vec4f, KEY * COLUMNS>;
var<workgroup> rest: array<vec4f, CHUNK * COLUMNS>;       // V - K' S
var<workgroup> change: array<vec4f, CHUNK * COLUMNS>;     // U
var<workgroup> factor: array<vec4f, CHUNK>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let head = workgroup.x;
  let unit = workgroup.y * COLUMNS + thread % COLUMNS;     // THREADS is a multiple of COLUMNS
  let column = thread % COLUMNS;
  let mine = unit < VALUES;
  let q_at = head % K_HEADS * KEYS;
  let k_at = q_at + K_HEADS * KEYS;
  let v_at = 2u * K_HEADS * KEYS + head * VALUES + unit;
  let keys = KEYS + unknown_zero();                        // no compiler is to write the loop out
  let slot = slot_at(workgroup.z);
  let begin = first_row(slot);
  let end = begin + row_count(slot);
  let begins = position_of(begin) == 0u;
  let memory_at = (slot * HEADS + head) * KEY;
  let chunk = tiles_of(workgroup.z, CHUNK, 1u);            // the sequence's first
  for (var i = thread; i < KEY * COLUMNS; i += THREADS) {
    s[i] = vec4f();
    if (mine && !begins) { s[i] = memory[(memory_at + i / COLUMNS) * VALUES + unit]; }
  }
  for (var first = begin; first < end; first += CHUNK) {
    let count = min(CHUNK, end - first);
    let place = (chunk + (first - begin) / CHUNK) * HEADS + head;
    for (var i = thread; i < CHUNK; i += THREADS) { factor[i] = factors[place * CHUNK + i]; }
    workgroupBarrier();

    for (var item = thread; item < CHUNK * COLUMNS; item += THREADS) {
      let i = item / COLUMNS;
      rest[item] = vec4f();
      if (!mine || i >= count) { continue; }
      let row = (first + i) * UNITS;
      var by_k = vec4f();
      var by_q = vec4f();
      for (var d = 0u; d < keys; d++) {
        let q = rows[row + q_at + d];
        let k = rows[row + k_at + d];
        for (var e = 0u; e < 4u; e++) {
          let value = s[(d * 4u + e) * COLUMNS + column];
          by_k += k[e] * value;
          by_q += q[e] * value;
        }
      }
      rest[item] = rows[row + v_at] - factor[i].y * by_k;
      y[((first + i) * HEADS + head) * VALUES + unit] = factor[i].z * by_q;
    }
    workgroupBarrier();

    for (var item = thread; item < CHUNK * COLUMNS; item += THREADS) {
      let i = item / COLUMNS;
      var sum = vec4f();
      for (var j = 0u; j <= i / 4u; j++) {
        let solve = matrices[(place * 2u * CHUNK + i) * TILES + j];
        for (var e = 0u; e < 4u; e++) { sum += solve[e] * rest[(j * 4u + e) * COLUMNS + column]; }
      }
      change[item] = sum;
    }
    workgroupBarrier();

    for (var item = thread; item < count * COLUMNS && mine; item += THREADS) {
      let i = item / COLUMNS;
      var sum = vec4f();
      for (var j = 0u; j <= i / 4u; j++) {
        let mix = matrices[((place * 2u + 1u) * CHUNK + i) * TILES + j];
        for (var e = 0u; e < 4u; e++) { sum += mix[e] * change[(j * 4u + e) * COLUMNS + column]; }
      }
      y[((first + i) * HEADS + head) * VALUES + unit] += sum;
    }
    let decay = factor[0].x;
    for (var item = thread; item < KEYS * COLUMNS; item += THREADS) {
      let d = item / COLUMNS;
      var sum = array<vec4f, 4>();  // its value stated: without one Dawn on lavapipe zeroes it in the first round only
      for (var i = 0u; i < count; i++) {
        let k = rows[(first + i) * UNITS + k_at + d] * factor[i].w;
        for (var e = 0u; e < 4u; e++) { sum[e] += k[e] * change[i * COLUMNS + column]; }
      }
      for (var e = 0u; e < 4u; e++) {
        let at = (d * 4u + e) * COLUMNS + column;
        s[at] = decay * s[at] + sum[e];
      }
    }
    workgroupBarrier();
  }
  for (var i = thread; i < KEY * COLUMNS && mine; i += THREADS) {
    memory[(memory_at + i / COLUMNS) * VALUES + unit] = s[i];
  }
}
