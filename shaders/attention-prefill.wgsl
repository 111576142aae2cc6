// Attention of a chunk of the prompt over the paged KV cache, which already holds the chunk itself
// (FlashAttention, Dao et al. 2022: tiles and online softmax, no T x T buffer). A workgroup takes QUERIES
// rows of one head; its threads form a grid ACROSS x DOWN: thread (x, y) owns rows y, y + DOWN, ... with 4
// keys of every tile of scores and with every ACROSS-th unit of 4 elements of the result. Tiles are f32: each
// element is used many times. While one is at work, the next is on its way from GPU memory to registers, by loads
// without branches, or the compiler waits for each of them.
#import query-tile
#import kv-cache
#import attention-softmax
#import attention-mask
#import sinks
#import bounds
override HEADS: u32;         // query heads, multiple of KV_HEADS
override ACROSS: u32;
override DOWN: u32;
override ROWS: u32;          // rows of a thread, at most MAX_ROWS
override THREADS: u32 = ACROSS * DOWN;
override QUERIES: u32 = DOWN * ROWS;
override KEYS: u32 = 4u * ACROSS;
override UNITS: u32 = HEAD_DIM / 4u;
override COLUMNS: u32 = (UNITS + ACROSS - 1u) / ACROSS;   // ROWS * COLUMNS at most MAX_SUMS
override LOADS: u32 = (KEYS * UNITS + THREADS - 1u) / THREADS;   // units of a tile for a thread, at most MAX_LOADS
override TILE_STRIDE: u32 = UNITS + 1u;    // one more than needed: rows start in different memory banks
override WEIGHT_STRIDE: u32 = ACROSS + 1u;
const MAX_ROWS = 4u;
const MAX_SUMS = 32u;
const MAX_LOADS = 8u;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<real4>;
@group(0) @binding(2) var<storage, read> block_table: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

var<workgroup> tile: array<vec4f, KEYS * TILE_STRIDE>;           // keys, then values
var<workgroup> weights: array<vec4f, QUERIES * WEIGHT_STRIDE>;   // [row][key / 4]
var<workgroup> partial: array<f32, QUERIES * ACROSS>;            // a row's maxima, at the end its sums

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tiles = query_tiles(QUERIES, 1u);
  if (stopped() || workgroup.x >= tiles) { return; }
  let queries = query_tile(tiles - 1u - workgroup.x, QUERIES, 1u);   // the rows with most keys start first
  let first_position = position_of(queries.first);
  let begin = first_key(first_position);
  let end = last_key(queries.slot, position_of(queries.end - 1u)) + 1u;
  let head = workgroup.y;
  let kv_head = head / (HEADS / KV_HEADS);
  let x = thread % ACROSS;
  let y = thread / ACROSS;
  set_bounds();
  var query: array<u32, MAX_ROWS>;
  var maximum: array<f32, MAX_ROWS>;
  var total: array<f32, MAX_ROWS>;
  var acc: array<vec4f, MAX_SUMS>;
  for (var r = 0u; r < ROWS; r++) {
    query[r] = (min(queries.first + y + r * DOWN, queries.end - 1u) * HEADS + head) * UNITS;
    maximum[r] = start_maximum(head);
    total[r] = select(0.0, START_WEIGHT, x == 0u);
  }

  var page: array<u32, MAX_LOADS>;           // where the keys of the next tile stand
  var place: array<u32, MAX_LOADS>;
  var keys: array<real4, MAX_LOADS>;
  var values: array<real4, MAX_LOADS>;
  for (var n = 0u; n < LOAD_LOOP; n++) { page[n] = page_of(queries.slot, tile_key(thread, n, begin, end) / BLOCK); }
  for (var n = 0u; n < LOAD_LOOP; n++) {
    let key = tile_key(thread, n, begin, end);
    let unit = (thread + n * THREADS) % UNITS;
    keys[n] = kv[key_index(page[n], key % BLOCK, kv_head) + unit];
    values[n] = kv[value_index(page[n], key % BLOCK, kv_head) + unit];
    page[n] = page_of(queries.slot, tile_key(thread, n, begin + KEYS, end) / BLOCK);
  }

  for (var start = begin; start < end; start += KEYS) {
    for (var n = 0u; n < LOAD_LOOP; n++) {
      let i = thread + n * THREADS;
      // key 4x + n stands in row n * ACROSS + x, so that threads side by side read rows side by side
      let row = i / UNITS % 4u * ACROSS + i / UNITS / 4u;
      if (i < KEYS * UNITS) { tile[row * TILE_STRIDE + i % UNITS] = vec4f(keys[n]); }
    }
    workgroupBarrier();
    for (var n = 0u; n < LOAD_LOOP; n++) {
      let at = tile_key(thread, n, start + KEYS, end) % BLOCK;
      place[n] = (thread + n * THREADS) % UNITS + key_index(page[n], at, kv_head);
      keys[n] = kv[place[n]];
      page[n] = page_of(queries.slot, tile_key(thread, n, start + 2u * KEYS, end) / BLOCK);
    }
    var score: array<vec4f, MAX_ROWS>;
    // written out: an array declared in a loop keeps its last values on SwiftShader
    for (var r = 0u; r < ROWS; r++) { score[r] = vec4f(); }
    for (var u = 0u; u < UNIT_LOOP; u++) {
      let key0 = tile[x * TILE_STRIDE + u];
      let key1 = tile[(ACROSS + x) * TILE_STRIDE + u];
      let key2 = tile[(2u * ACROSS + x) * TILE_STRIDE + u];
      let key3 = tile[(3u * ACROSS + x) * TILE_STRIDE + u];
      for (var r = 0u; r < ROWS; r++) {
        let v = q[query[r] + u];
        score[r] += vec4f(dot(v, key0), dot(v, key1), dot(v, key2), dot(v, key3));
      }
    }
    for (var r = 0u; r < ROWS; r++) {
      let row = y + r * DOWN;
      let key = vec4u(start + 4u * x) + vec4u(0u, 1u, 2u, 3u);
      let position = first_position + row;
      let seen = (key >= vec4u(first_key(position))) & (key <= vec4u(last_key(queries.slot, position)));
      let s = select(vec4f(MASKED), capped(score[r] * SCALE), seen);
      score[r] = s;
      partial[row * ACROSS + x] = max(max(s.x, s.y), max(s.z, s.w));
    }
    workgroupBarrier();
    for (var n = 0u; n < LOAD_LOOP; n++) {
      let i = thread + n * THREADS;
      if (i < KEYS * UNITS) { tile[i / UNITS * TILE_STRIDE + i % UNITS] = vec4f(values[n]); }
      values[n] = kv[place[n] + value_index(0u, 0u, 0u)];
    }
    for (var r = 0u; r < ROWS; r++) {
      let row = y + r * DOWN;
      var largest = maximum[r];
      for (var i = 0u; i < ACROSS; i++) { largest = max(largest, partial[row * ACROSS + i]); }
      let shrink = exp2(maximum[r] - largest);
      let w = exp2(score[r] - largest);
      maximum[r] = largest;
      total[r] = total[r] * shrink + dot(w, vec4f(1.0));
      weights[row * WEIGHT_STRIDE + x] = w;
      for (var c = 0u; c < COLUMN_LOOP; c++) { acc[r * COLUMNS + c] *= shrink; }
    }
    workgroupBarrier();
    for (var k = 0u; k < ACROSS; k++) {
      for (var c = 0u; c < COLUMN_LOOP; c++) {
        let base = 4u * k * TILE_STRIDE + x + c * ACROSS;
        let value0 = tile[base];
        let value1 = tile[base + TILE_STRIDE];
        let value2 = tile[base + 2u * TILE_STRIDE];
        let value3 = tile[base + 3u * TILE_STRIDE];
        for (var r = 0u; r < ROWS; r++) {
          let w = weights[(y + r * DOWN) * WEIGHT_STRIDE + k];
          acc[r * COLUMNS + c] += w.x * value0 + w.y * value1 + w.z * value2 + w.w * value3;
        }
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < ROWS; r++) { partial[(y + r * DOWN) * ACROSS + x] = total[r]; }
  workgroupBarrier();
  for (var r = 0u; r < ROWS; r++) {
    let row = y + r * DOWN;
    var sum = 0.0;
    for (var i = 0u; i < ACROSS; i++) { sum += partial[row * ACROSS + i]; }
    for (var c = 0u; c < COLUMN_LOOP; c++) {
      let unit = x + c * ACROSS;
      if (queries.first + row < queries.end && unit < UNITS) { out[query[r] + unit] = acc[r * COLUMNS + c] / sum; }
    }
  }
}

// The key whose unit is a thread's n-th load of the tile from `start` on; past the end the last one, since what stands
// there was never written, and 0 times a NaN is a NaN.
fn tile_key(thread: u32, n: u32, start: u32, end: u32) -> u32 {
  return min(start + (thread + n * THREADS) / UNITS, end - 1u);
}
