// Attention of a chunk of the prompt with heads of more than 256 elements. The same grid of threads, softmax and order as in
// attention-prefill.wgsl, but of a tile of keys or values PART units at a time are in workgroup memory, where whole ones would
// not fit, and nothing is asked for ahead of use.
#import query-tile
#import kv-cache
#import attention-softmax
#import attention-mask
#import sinks
#import bounds
override HEADS: u32;         // query heads, multiple of KV_HEADS
override UNITS: u32 = HEAD_DIM / 4u;
// sizes, given with the text:
//   ROWS    of a thread
//   PARTS   of a head, PART units each, the last one filled up with zeros
//   LOADS   units of a part's tile for a thread
//   COLUMNS of a part for a thread
const ACROSS = 8u;
const DOWN = 16u;
const THREADS = ACROSS * DOWN;
const QUERIES = DOWN * ROWS;
const KEYS = 4u * ACROSS;
const PART = COLUMNS * ACROSS;
const TILE_STRIDE = PART + 1u;      // one more than needed: rows start in different memory banks
const WEIGHT_STRIDE = ACROSS + 1u;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<real4>;
@group(0) @binding(2) var<storage, read> block_table: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

var<workgroup> tile: array<vec4f, KEYS * TILE_STRIDE>;           // a part of the keys, then of the values
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
  let parts = PARTS + unknown_zero();   // no compiler is to write these loops out
  var query: array<u32, ROWS>;
  var maximum: array<f32, ROWS>;
  var total: array<f32, ROWS>;
  var shrink: array<f32, ROWS>;
  // of all parts: these stand in memory, and a part at a time comes to registers
  var acc: array<array<vec4f, PARTS * COLUMNS>, ROWS>;
  var sum: array<array<vec4f, COLUMNS>, ROWS>;
  #repeat r ROWS
  query[r] = (min(queries.first + y + r * DOWN, queries.end - 1u) * HEADS + head) * UNITS;
  maximum[r] = start_maximum(head);
  total[r] = select(0.0, START_WEIGHT, x == 0u);
  #end

  for (var start = begin; start < end; start += KEYS) {
    var score = array<vec4f, ROWS>();
    for (var part = 0u; part < parts; part++) {
      for (var n = 0u; n < LOAD_LOOP; n++) {
        let i = thread + n * THREADS;
        // key 4x + n stands in row n * ACROSS + x, so that threads side by side read rows side by side
        let key = i / PART;
        tile[(key % 4u * ACROSS + key / 4u) * TILE_STRIDE + i % PART] =
          unit_of_tile(queries.slot, start + key, end, kv_head, part * PART + i % PART, 0u);
      }
      workgroupBarrier();
      for (var u = 0u; u < min(PART, UNIT_LOOP - part * PART); u++) {
        let key0 = tile[x * TILE_STRIDE + u];
        let key1 = tile[(ACROSS + x) * TILE_STRIDE + u];
        let key2 = tile[(2u * ACROSS + x) * TILE_STRIDE + u];
        let key3 = tile[(3u * ACROSS + x) * TILE_STRIDE + u];
        #repeat r ROWS
        let v = q[query[r] + part * PART + u];
        score[r] += vec4f(dot(v, key0), dot(v, key1), dot(v, key2), dot(v, key3));
        #end
      }
      workgroupBarrier();
    }
    #repeat r ROWS
    let row = y + r * DOWN;
    let key = vec4u(start + 4u * x) + vec4u(0u, 1u, 2u, 3u);
    let position = first_position + row;
    let seen = (key >= vec4u(first_key(position))) & (key <= vec4u(last_key(queries.slot, position)));
    let s = select(vec4f(MASKED), capped(score[r] * SCALE), seen);
    score[r] = s;
    partial[row * ACROSS + x] = max(max(s.x, s.y), max(s.z, s.w));
    #end
    workgroupBarrier();
    #repeat r ROWS
    let row = y + r * DOWN;
    var largest = maximum[r];
    for (var i = 0u; i < ACROSS_LOOP; i++) { largest = max(largest, partial[row * ACROSS + i]); }
    shrink[r] = exp2(maximum[r] - largest);
    let w = exp2(score[r] - largest);
    maximum[r] = largest;
    total[r] = total[r] * shrink[r] + dot(w, vec4f(1.0));
    weights[row * WEIGHT_STRIDE + x] = w;
    #end
    for (var part = 0u; part < parts; part++) {
      for (var n = 0u; n < LOAD_LOOP; n++) {
        let i = thread + n * THREADS;
        tile[i / PART * TILE_STRIDE + i % PART] =
          unit_of_tile(queries.slot, start + i / PART, end, kv_head, part * PART + i % PART, value_index(0u, 0u, 0u));
      }
      workgroupBarrier();
      #repeat r ROWS
      #repeat c COLUMNS
      sum[r][c] = acc[r][part * COLUMNS + c] * shrink[r];
      #end
      #end
      for (var k = 0u; k < ACROSS_LOOP; k++) {
        #repeat c COLUMNS
        let base = 4u * k * TILE_STRIDE + x + c * ACROSS;
        let value0 = tile[base];
        let value1 = tile[base + TILE_STRIDE];
        let value2 = tile[base + 2u * TILE_STRIDE];
        let value3 = tile[base + 3u * TILE_STRIDE];
        #repeat r ROWS
        let w = weights[(y + r * DOWN) * WEIGHT_STRIDE + k];
        sum[r][c] += w.x * value0 + w.y * value1 + w.z * value2 + w.w * value3;
        #end
        #end
      }
      #repeat r ROWS
      #repeat c COLUMNS
      acc[r][part * COLUMNS + c] = sum[r][c];
      #end
      #end
      workgroupBarrier();
    }
  }

  #repeat r ROWS
  partial[(y + r * DOWN) * ACROSS + x] = total[r];
  #end
  workgroupBarrier();
  #repeat r ROWS
  let row = y + r * DOWN;
  var all = 0.0;
  for (var i = 0u; i < ACROSS_LOOP; i++) { all += partial[row * ACROSS + i]; }
  for (var c = 0u; c < parts * COLUMNS; c++) {
    let unit = c * ACROSS + x;
    if (queries.first + row < queries.end && unit < UNITS) { out[query[r] + unit] = acc[r][c] / all; }
  }
  #end
}

// A unit of a key, or of a value by `side`; past the end the last one's, since what stands there was never written, and 0
// times a NaN is a NaN.
fn unit_of_tile(slot: u32, wanted: u32, end: u32, kv_head: u32, unit: u32, side: u32) -> vec4f {
  let key = min(wanted, end - 1u);
  let value = vec4f(kv[key_index(page_of(slot, key / BLOCK), key % BLOCK, kv_head) + min(unit, UNITS - 1u) + side]);
  return select(vec4f(), value, unit < UNITS);
}
