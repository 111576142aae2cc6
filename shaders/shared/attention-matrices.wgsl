enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
// Bindings and workgroup memory of attention-prefill-matrix.wgsl, and what it does without matrices.
#import query-tile
#import kv-cache
#import attention-softmax
#import attention-mask
#import sinks
override HEADS: u32;      // query heads, multiple of KV_HEADS
override GROUP: u32 = HEADS / KV_HEADS;
// sizes, given with the text:
//   COLUMNS        16 elements of a head each, 4 to 8
//   BLOCKS         16 keys of a tile each, 2 or 4
//   LOADS          in which the threads copy 16 keys: 16 / LOADS keys of a head's UNITS are at most THREADS units
//   ROUND_COLUMNS  results that pass through the memory of scores together, BLOCKS at most
//   ROUNDS         COLUMNS / ROUND_COLUMNS
const SUBGROUPS = 4u;
const THREADS = 32u * SUBGROUPS;
const QUERIES = 16u * SUBGROUPS;
const KEYS = 16u * BLOCKS;                       // of a tile
const UNITS = 2u * COLUMNS;                      // of 8 elements of a head
const LINES = 16u / LOADS;                       // keys that the threads copy at once
const ROUND_UNITS = 4u * ROUND_COLUMNS;          // of 4 elements of a result

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<vec4u>;    // 8 numbers each
@group(0) @binding(2) var<storage, read> block_table: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sum = subgroup_matrix_result<f32, 16, 16>;

// In units of 16 bytes, f16: keys[key][unit] (at first queries[query][unit]), then values. f32: scores[query], the half of a
// thread, a gap and the half of the other. f16: weights[query], the second half from unit 4 on. These strides keep
// neighbours in different memory banks. 16 scores never lie on both sides of a gap.
const STRIDE = UNITS + 1u;
const VALUES = KEYS * STRIDE;
const SCORES = 2u * VALUES;
const SCORE_HALF = 2u * BLOCKS + 1u;
const SCORE_STRIDE = 2u * SCORE_HALF;
const WEIGHTS = SCORES + QUERIES * SCORE_STRIDE;
const WEIGHT_HALF = 4u;
const WEIGHT_STRIDE = (WEIGHT_HALF + BLOCKS) | 1u;
var<workgroup> tile: array<vec4u, WEIGHTS + QUERIES * WEIGHT_STRIDE>;
var<workgroup> grown: atomic<u32>;   // the last tile in which a maximum grew by LATE

// Where a query stands in `q` and its result in `out`: tokens by GROUP heads.
fn query_index(query: u32, kv_head: u32) -> u32 {
  return (query / GROUP * HEADS + kv_head * GROUP + query % GROUP) * (HEAD_DIM / 4u);
}

fn pack(a: vec4f, b: vec4f) -> vec4u {
  return vec4u(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
}

// Puts half of a query into `tile` as f16 numbers below 1, so that nothing overflows, and returns what they lack.
fn put_query(at: u32, row: u32, part: u32) -> f32 {
  var most = vec4f();
  for (var i = part; i < 2u * UNITS; i += 2u) { most = max(most, abs(q[at + i])); }
  let largest = max(max(most.x, most.y), max(most.z, most.w));
  let exponent = clamp(frexp(max(largest, subgroupShuffleXor(largest, 1u))).exp, -100, 100);
  let shrink = ldexp(1.0, -exponent);
  for (var i = part; i < UNITS; i += 2u) {
    tile[row * STRIDE + i] = pack(q[at + 2u * i] * shrink, q[at + 2u * i + 1u] * shrink);
  }
  return ldexp(1.0, exponent);
}

// Scores of the keys `at` to `at` + 3, of which those from `low` to before `high` are seen.
fn masked(scores: vec4f, at: u32, low: vec4u, high: vec4u) -> vec4f {
  let key = vec4u(at, at + 1u, at + 2u, at + 3u);
  return select(vec4f(MASKED), scores, (key >= low) & (key < high));
}

// Writes ROUND_UNITS units of 4 elements, from unit `begin` on, of each result, times what stands in its row of `tile`.
fn put_results(queries: QueryTile, kv_head: u32, thread: u32, begin: u32) {
  for (var i = thread; i < QUERIES * ROUND_UNITS; i += THREADS) {
    let row = i / ROUND_UNITS;
    let unit = i % ROUND_UNITS;
    let sum = bitcast<vec4f>(tile[SCORES + row * SCORE_STRIDE + unit + unit / (2u * BLOCKS)]);
    if (queries.first + row < queries.end) {
      out[query_index(queries.first + row, kv_head) + begin + unit] = sum * bitcast<f32>(tile[row].x);
    }
  }
}
