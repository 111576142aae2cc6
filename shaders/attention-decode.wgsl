// Attention of one token over the paged KV cache (flash decoding). A workgroup takes one part of the keys of
// one KV head and serves TILE of the query heads that share it, so that keys and values are read once for all
// of them. Scores: one thread a key. Values: one thread 4 elements of the head, THREADS / UNITS keys side by
// side.
#import state
#import kv-cache
#import attention-softmax
#import attention-mask
#import sinks
#import bounds
#import attention-split
#import result
override HEADS: u32;         // query heads, multiple of KV_HEADS
override THREADS: u32;       // multiple of BLOCK, at least HEAD_DIM / 4
override TILE: u32;          // query heads of a workgroup, at most MAX_TILE
override FOLD: u32;          // heads summed over the threads at a time, as workgroup memory allows
override GROUP: u32 = HEADS / KV_HEADS;
override TILES: u32 = (GROUP + TILE - 1u) / TILE;
override UNITS: u32 = HEAD_DIM / 4u;
override LANES: u32 = THREADS / UNITS;
const MAX_TILE = 8u;
const MAX_LANES = 8u;        // threads that look for a head's maximum

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<real4>;
@group(0) @binding(2) var<storage, read> block_table: array<u32>;
@group(0) @binding(8) var<uniform> state: State;

var<workgroup> queries: array<vec4f, TILE * UNITS>;
var<workgroup> scores: array<f32, TILE * THREADS>;
var<workgroup> maxima: array<f32, TILE * MAX_LANES>;
var<workgroup> blocks: array<u32, THREADS / BLOCK>;
var<workgroup> sums: array<vec4f, FOLD * THREADS>;
var<workgroup> weights: array<f32, FOLD * LANES>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let keys = state.position + 1u;
  let oldest = first_key(state.position);
  let begin = first_block(state.position);
  let split_keys = keys_per_split(keys - begin);
  let first = begin + workgroup.x * split_keys;
  if (state.finished != 0u || first >= keys) { return; }
  let end = min(keys, first + split_keys);
  let kv_head = workgroup.y / TILES;
  let tile_head = (workgroup.y % TILES) * TILE;
  for (var i = thread; i < TILE * UNITS; i += THREADS) {
    let head = kv_head * GROUP + min(tile_head + i / UNITS, GROUP - 1u);
    queries[i] = q[head * UNITS + i % UNITS] * SCALE;
  }
  set_bounds();
  let unit = thread % UNITS;
  let lane = thread / UNITS;
  var maximum: array<f32, MAX_TILE>;
  var weight: array<f32, MAX_TILE>;
  var acc: array<vec4f, MAX_TILE>;
  for (var h = 0u; h < TILE; h++) {
    maximum[h] = NO_MAXIMUM;
    if (workgroup.x == 0u) {   // sinks count once
      maximum[h] = start_maximum(kv_head * GROUP + min(tile_head + h, GROUP - 1u));
      weight[h] = select(0.0, START_WEIGHT, lane == 0u);
    }
  }
  workgroupBarrier();

  for (var start = first; start < end; start += THREADS) {
    let count = min(THREADS, end - start);
    let skip = max(oldest, start) - start;   // older than the window: may be no numbers, so not even read
    var score: array<f32, MAX_TILE>;
    for (var h = 0u; h < TILE; h++) { score[h] = MASKED; }
    if (thread < count) {
      let block = block_table[(start + thread) / BLOCK];
      if (thread % BLOCK == 0u) { blocks[thread / BLOCK] = block; }
      if (thread >= skip) {
        let base = key_index(block, thread % BLOCK, kv_head);
        for (var h = 0u; h < TILE; h++) { score[h] = 0.0; }
        for (var u = 0u; u < UNIT_LOOP; u++) {
          let key = vec4f(kv[base + u]);
          for (var h = 0u; h < TILE; h++) { score[h] += dot(queries[h * UNITS + u], key); }
        }
        for (var h = 0u; h < TILE; h++) { score[h] = capped(vec4f(score[h])).x; }
      }
    }
    for (var h = 0u; h < TILE; h++) { scores[h * THREADS + thread] = score[h]; }
    workgroupBarrier();
    if (thread < TILE * MAX_LANES) {
      var largest = MASKED;
      let base = thread / MAX_LANES * THREADS + thread % MAX_LANES;
      for (var i = 0u; i < THREAD_LOOP; i += MAX_LANES) { largest = max(largest, scores[base + i]); }
      maxima[thread] = largest;
    }
    workgroupBarrier();
    for (var h = 0u; h < TILE; h++) {
      var largest = maximum[h];
      for (var i = 0u; i < MAX_LANES; i++) { largest = max(largest, maxima[h * MAX_LANES + i]); }
      let shrink = exp2(maximum[h] - largest);
      maximum[h] = largest;
      weight[h] *= shrink;
      acc[h] *= shrink;
      scores[h * THREADS + thread] = exp2(score[h] - largest);
    }
    workgroupBarrier();
    if (lane < LANES) {
      for (var k = skip + lane; k < count; k += LANES) {
        let value = vec4f(kv[value_index(blocks[k / BLOCK], k % BLOCK, kv_head) + unit]);
        for (var h = 0u; h < TILE; h++) {
          let w = scores[h * THREADS + k];
          weight[h] += w;
          acc[h] += w * value;
        }
      }
    }
    workgroupBarrier();
  }

  for (var base = 0u; base < TILE; base += FOLD) {
    for (var f = 0u; f < FOLD; f++) {
      if (lane < LANES && base + f < TILE) {
        sums[f * THREADS + thread] = acc[base + f];
        if (unit == 0u) { weights[f * LANES + lane] = weight[base + f]; }
      }
    }
    workgroupBarrier();
    for (var i = thread; i < FOLD * UNITS; i += THREADS) {
      let f = i / UNITS;
      let head = tile_head + base + f;
      if (base + f < TILE && head < GROUP) {
        var values = vec4f();
        var total = 0.0;
        for (var l = 0u; l < LANE_LOOP; l++) {
          values += sums[f * THREADS + l * UNITS + i % UNITS];
          total += weights[f * LANES + l];
        }
        finish(kv_head * GROUP + head, workgroup.x, i % UNITS, values, maximum[base + f], total);
      }
    }
    workgroupBarrier();
  }
}
