// Attention of a token of each sequence over the paged KV cache (flash decoding). A workgroup takes one part of the keys of one KV
// head and serves TILE of the query heads that share it. Its threads form a grid of UNITS by LANES: a lane takes
// DEPTH keys of every round, a thread 4 elements of their keys and values, all asked for a round ahead, since waiting for
// memory is what costs here. Keys go on into workgroup memory, where one thread computes a score or a part of it; values
// stay in registers. Each lane has its own running maximum; lanes meet once, at the end.
#import state
#import kv-cache
#import attention-softmax
#import attention-mask
#import sinks
#import bounds
#import attention-split
#import result
override HEADS: u32;         // query heads, multiple of KV_HEADS
override THREADS: u32;       // at least HEAD_DIM / 4
override DEPTH: u32;         // at most 4
override PARTS: u32;         // of a score; divides UNITS
override TILE: u32;          // query heads of a workgroup, at most MAX_TILE
override FOLD: u32;          // heads summed over the lanes at a time, as workgroup memory allows
override GROUP: u32 = HEADS / KV_HEADS;
override TILES: u32 = (GROUP + TILE - 1u) / TILE;
override UNITS: u32 = HEAD_DIM / 4u;
override PART_UNITS: u32 = UNITS / PARTS;
override LANES: u32 = THREADS / UNITS;
override KEYS: u32 = LANES * DEPTH;      // of a round
override KEY_STRIDE: u32 = UNITS + 1u;   // one more than needed: keys start in different memory banks
const MAX_TILE = 8u;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<real4>;
@group(0) @binding(2) var<storage, read> block_table: array<u32>;

var<workgroup> queries: array<vec4f, TILE * UNITS>;
var<workgroup> tile: array<real4, KEYS * KEY_STRIDE>;
var<workgroup> scores: array<f32, PARTS * TILE * KEYS>;
var<workgroup> lane_sums: array<vec2f, TILE * LANES>;   // a lane's maximum and sum of weights
var<workgroup> totals: array<vec2f, TILE>;               // the same of a head
var<workgroup> sums: array<vec4f, FOLD * THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  #insert attention-part
  let unit = thread % UNITS;
  let lane = min(thread / UNITS, LANES - 1u);
  let idle = thread >= LANES * UNITS;
  set_bounds();
  var page: array<u32, 4>;           // where the keys of the next round stand
  var key_unit: array<real4, 4>;
  var value_unit: array<real4, 4>;
  var next_value: array<real4, 4>;
  for (var j = 0u; j < DEPTH; j++) { page[j] = page_of(slot, within(first + lane + j * LANES, oldest, end) / BLOCK); }
  for (var i = thread; i < TILE * UNITS; i += THREADS) {
    let head = kv_head * GROUP + min(tile_head + i / UNITS, GROUP - 1u);
    queries[i] = q[(row * HEADS + head) * UNITS + i % UNITS] * SCALE;
  }
  for (var j = 0u; j < DEPTH; j++) {
    let key = within(first + lane + j * LANES, oldest, end);
    key_unit[j] = kv[key_index(page[j], key % BLOCK, kv_head) + unit];
    value_unit[j] = kv[value_index(page[j], key % BLOCK, kv_head) + unit];
    page[j] = page_of(slot, within(first + KEYS + lane + j * LANES, oldest, end) / BLOCK);
  }
  var maximum: array<f32, MAX_TILE>;
  var weight: array<f32, MAX_TILE>;
  var acc: array<vec4f, MAX_TILE>;
  for (var h = 0u; h < TILE; h++) {
    maximum[h] = NO_MAXIMUM;
    if (workgroup.x == 0u && lane == 0u) {   // sinks count once
      maximum[h] = start_maximum(kv_head * GROUP + min(tile_head + h, GROUP - 1u));
      weight[h] = START_WEIGHT;
    }
  }

  for (var start = first; start < end; start += KEYS) {
    for (var j = 0u; j < DEPTH; j++) {
      if (!idle) { tile[(lane + j * LANES) * KEY_STRIDE + unit] = key_unit[j]; }
    }
    workgroupBarrier();
    for (var j = 0u; j < DEPTH; j++) {
      let key = within(start + KEYS + lane + j * LANES, oldest, end);
      key_unit[j] = kv[key_index(page[j], key % BLOCK, kv_head) + unit];
      next_value[j] = kv[value_index(page[j], key % BLOCK, kv_head) + unit];
      page[j] = page_of(slot, within(start + 2u * KEYS + lane + j * LANES, oldest, end) / BLOCK);
    }
    for (var i = thread; i < PARTS * TILE * KEYS; i += THREADS) {
      let key = i % KEYS * KEY_STRIDE + i / (KEYS * TILE) * PART_UNITS;
      let query = i / KEYS % TILE * UNITS + i / (KEYS * TILE) * PART_UNITS;
      var score = 0.0;
      for (var u = 0u; u < UNIT_LOOP; u++) { score += dot(queries[query + u], vec4f(tile[key + u])); }
      scores[i] = score;
    }
    workgroupBarrier();
    var seen: vec4<bool>;
    for (var j = 0u; j < 4u; j++) {
      let key = start + lane + j * LANES;
      seen[j] = j < DEPTH && key >= oldest && key < end;
    }
    for (var h = 0u; h < TILE; h++) {
      var s = vec4f();
      for (var j = 0u; j < DEPTH; j++) {
        for (var part = 0u; part < PARTS; part++) { s[j] += scores[(part * TILE + h) * KEYS + j * LANES + lane]; }
      }
      s = select(vec4f(MASKED), capped(s), seen);
      let largest = max(maximum[h], max(max(s.x, s.y), max(s.z, s.w)));
      let shrink = exp2(maximum[h] - largest);
      let w = exp2(s - largest);
      maximum[h] = largest;
      weight[h] = weight[h] * shrink + dot(w, vec4f(1.0));
      var sum = acc[h] * shrink;
      for (var j = 0u; j < DEPTH; j++) { sum += w[j] * vec4f(value_unit[j]); }
      acc[h] = sum;
    }
    value_unit = next_value;
  }

  if (unit == 0u && !idle) {
    for (var h = 0u; h < TILE; h++) { lane_sums[h * LANES + lane] = vec2f(maximum[h], weight[h]); }
  }
  workgroupBarrier();
  if (thread < TILE) { totals[thread] = joined(thread); }
  workgroupBarrier();
  for (var base = 0u; base < TILE; base += FOLD) {
    for (var f = 0u; f < FOLD && base + f < TILE; f++) {
      sums[f * THREADS + thread] = acc[base + f] * exp2(maximum[base + f] - totals[base + f].x);
    }
    workgroupBarrier();
    for (var i = thread; i < FOLD * UNITS; i += THREADS) {
      let f = i / UNITS;
      let head = tile_head + base + f;
      if (base + f < TILE && head < GROUP) {
        var values = vec4f();
        for (var l = 0u; l < LANE_LOOP; l++) { values += sums[f * THREADS + l * UNITS + i % UNITS]; }
        finish(row * HEADS + kv_head * GROUP + head, workgroup.x, i % UNITS, values, totals[base + f].x, totals[base + f].y);
      }
    }
    workgroupBarrier();
  }
}

// A key that may be read in place of one that may not: older than the window or not written yet, it may be no number, and
// 0 times a NaN is a NaN.
fn within(key: u32, oldest: u32, end: u32) -> u32 {
  return clamp(key, oldest, end - 1u);
}

// Maximum and sum of weights over all lanes.
fn joined(h: u32) -> vec2f {
  var largest = NO_MAXIMUM;
  for (var l = 0u; l < LANE_LOOP; l++) { largest = max(largest, lane_sums[h * LANES + l].x); }
  var sum = 0.0;
  for (var l = 0u; l < LANE_LOOP; l++) {
    let seen = lane_sums[h * LANES + l];
    sum += seen.y * exp2(seen.x - largest);
  }
  return vec2f(largest, sum);
}
