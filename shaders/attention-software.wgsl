// Attention for CPUs that pretend to be a GPU, prefill and decode. There a barrier costs more than a pass
// over the keys and every load costs as much as ten multiplications, so a thread works alone on 4 rows times
// 4 keys in registers: 8 loads for 64 products (12 for 128 where values meet weights). Rows of a KV head are
// (token, query head) pairs, so that in decode the rows of one thread are the query heads that share the
// keys. Keys come in segments whose weights stay in private memory.
#import query-tile
#import kv-cache
#import attention-softmax
#import attention-mask
#import sinks
#import attention-split
#import result
override HEADS: u32;         // query heads, multiple of KV_HEADS
override ROWS: u32;          // rows of a thread, at most 4
override THREADS: u32;
override GROUP: u32 = HEADS / KV_HEADS;
override UNITS: u32 = HEAD_DIM / 4u;
const SEGMENT = 32u;         // keys, multiple of BLOCK

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<real4>;
@group(0) @binding(2) var<storage, read> block_table: array<u32>;

var<private> weights: array<vec4f, SEGMENT>;   // [key / 4][row], scores before

// Words of HEAD_DIM elements before row `row` of a KV head, or before the last one: token * HEADS + head.
fn place_of(row: u32, last: u32, kv_head: u32) -> u32 {
  let r = min(row, last);
  return r / GROUP * HEADS + kv_head * GROUP + r % GROUP;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tiles = query_tiles(ROWS, GROUP);
  let split = id.x / tiles;
  let rows = query_tile(id.x % tiles, ROWS, GROUP);
  let slot = rows.slot;
  let row = rows.first;
  let kv_head = id.y;
  let last_row = rows.end - 1u;
  let first_position = position_of(row / GROUP);
  let oldest = first_key(first_position);
  let begin = first_block(first_position);
  let split_keys = keys_per_split(length_after(slot) - begin);
  let first = begin + split * split_keys;
  let end = min(last_key(slot, position_of(last_row / GROUP)) + 1u, first + split_keys);
  if (stopped() || split >= SPLITS || first >= end) { return; }

  let place0 = place_of(row, last_row, kv_head);
  let place1 = place_of(row + 1u, last_row, kv_head);
  let place2 = place_of(row + 2u, last_row, kv_head);
  let place3 = place_of(row + 3u, last_row, kv_head);
  let positions = vec4u(first_position - row / GROUP) + (vec4u(row) + vec4u(0u, 1u, 2u, 3u)) / GROUP;
  var maximum = vec4f(NO_MAXIMUM);
  var total = vec4f();
  if (split == 0u) {   // sinks count once
    maximum = vec4f(
      start_maximum(place0 % HEADS), start_maximum(place1 % HEADS),
      start_maximum(place2 % HEADS), start_maximum(place3 % HEADS));
    total = vec4f(START_WEIGHT);
  }

  for (var start = first; start < end; start += SEGMENT) {
    let groups = (min(SEGMENT, end - start) + 3u) / 4u;
    var largest = maximum;
    for (var g = 0u; g < groups; g++) {
      let key = start + 4u * g;
      let base = key_index(page_of(slot, key / BLOCK), key % BLOCK, kv_head);
      var s0 = vec4f();
      var s1 = vec4f();
      var s2 = vec4f();
      var s3 = vec4f();
      for (var u = 0u; u < UNITS; u++) {
        let k0 = vec4f(kv[base + u]);
        let k1 = vec4f(kv[base + UNITS + u]);
        let k2 = vec4f(kv[base + 2u * UNITS + u]);
        let k3 = vec4f(kv[base + 3u * UNITS + u]);
        let q0 = q[place0 * UNITS + u];
        s0 += vec4f(dot(q0, k0), dot(q0, k1), dot(q0, k2), dot(q0, k3));
        if (ROWS > 1u) {
          let q1 = q[place1 * UNITS + u];
          s1 += vec4f(dot(q1, k0), dot(q1, k1), dot(q1, k2), dot(q1, k3));
        }
        if (ROWS > 2u) {
          let q2 = q[place2 * UNITS + u];
          s2 += vec4f(dot(q2, k0), dot(q2, k1), dot(q2, k2), dot(q2, k3));
        }
        if (ROWS > 3u) {
          let q3 = q[place3 * UNITS + u];
          s3 += vec4f(dot(q3, k0), dot(q3, k1), dot(q3, k2), dot(q3, k3));
        }
      }
      let keys = vec4u(key) + vec4u(0u, 1u, 2u, 3u);
      s0 = select(vec4f(MASKED), capped(s0 * SCALE), seen(slot, keys, positions.x, end));
      s1 = select(vec4f(MASKED), capped(s1 * SCALE), seen(slot, keys, positions.y, end));
      s2 = select(vec4f(MASKED), capped(s2 * SCALE), seen(slot, keys, positions.z, end));
      s3 = select(vec4f(MASKED), capped(s3 * SCALE), seen(slot, keys, positions.w, end));
      weights[4u * g] = s0;
      if (ROWS > 1u) { weights[4u * g + 1u] = s1; }
      if (ROWS > 2u) { weights[4u * g + 2u] = s2; }
      if (ROWS > 3u) { weights[4u * g + 3u] = s3; }
      largest = max(largest, vec4f(highest(s0), highest(s1), highest(s2), highest(s3)));
    }
    let shrink = exp2(maximum - largest);
    maximum = largest;
    total *= shrink;
    for (var g = 0u; g < groups; g++) {
      total.x += weigh(4u * g, largest.x);
      if (ROWS > 1u) { total.y += weigh(4u * g + 1u, largest.y); }
      if (ROWS > 2u) { total.z += weigh(4u * g + 2u, largest.z); }
      if (ROWS > 3u) { total.w += weigh(4u * g + 3u, largest.w); }
    }
    let last = start + SEGMENT >= end;
    for (var u = 0u; u < UNITS; u += 2u) {   // two units share the loads of the weights
      var a0 = Pair();
      var a1 = Pair();
      var a2 = Pair();
      var a3 = Pair();
      if (start > first) {   // sums of earlier segments wait where the result will stand
        a0 = load(place(place0, split, u), shrink.x);
        if (ROWS > 1u) { a1 = load(place(place1, split, u), shrink.y); }
        if (ROWS > 2u) { a2 = load(place(place2, split, u), shrink.z); }
        if (ROWS > 3u) { a3 = load(place(place3, split, u), shrink.w); }
      }
      for (var g = 0u; g < groups; g++) {
        let key = start + 4u * g;
        let base = value_index(page_of(slot, key / BLOCK), key % BLOCK, kv_head) + u;
        let v0 = value_pair(base, key >= oldest);
        let v1 = value_pair(base + UNITS, key + 1u >= oldest && key + 1u < end);
        let v2 = value_pair(base + 2u * UNITS, key + 2u >= oldest && key + 2u < end);
        let v3 = value_pair(base + 3u * UNITS, key + 3u >= oldest && key + 3u < end);
        a0 = add(a0, weights[4u * g], v0, v1, v2, v3);
        if (ROWS > 1u) { a1 = add(a1, weights[4u * g + 1u], v0, v1, v2, v3); }
        if (ROWS > 2u) { a2 = add(a2, weights[4u * g + 2u], v0, v1, v2, v3); }
        if (ROWS > 3u) { a3 = add(a3, weights[4u * g + 3u], v0, v1, v2, v3); }
      }
      save(last, place0, split, u, a0, maximum.x, total.x);
      if (ROWS > 1u && row + 1u <= last_row) { save(last, place1, split, u, a1, maximum.y, total.y); }
      if (ROWS > 2u && row + 2u <= last_row) { save(last, place2, split, u, a2, maximum.z, total.z); }
      if (ROWS > 3u && row + 3u <= last_row) { save(last, place3, split, u, a3, maximum.w, total.w); }
    }
  }
}

fn seen(slot: u32, keys: vec4u, position: u32, end: u32) -> vec4<bool> {
  return (keys >= vec4u(first_key(position))) & (keys <= vec4u(last_key(slot, position))) & (keys < vec4u(end));
}

fn highest(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

// Turns 4 scores of a row into weights and returns their sum.
fn weigh(index: u32, largest: f32) -> f32 {
  let w = exp2(weights[index] - largest);
  weights[index] = w;
  return dot(w, vec4f(1.0));
}

// Two adjacent units of a head.
struct Pair {
  a: vec4f,
  b: vec4f,
}

fn load(index: u32, factor: f32) -> Pair {
  return Pair(out[index] * factor, out[index + 1u] * factor);
}

// Zero where a key is not valid: what stands there was never written, and 0 times a NaN is a NaN.
fn value_pair(index: u32, valid: bool) -> Pair {
  return Pair(select(vec4f(), vec4f(kv[index]), valid), select(vec4f(), vec4f(kv[index + 1u]), valid));
}

fn add(sum: Pair, w: vec4f, v0: Pair, v1: Pair, v2: Pair, v3: Pair) -> Pair {
  return Pair(
    sum.a + w.x * v0.a + w.y * v1.a + w.z * v2.a + w.w * v3.a,
    sum.b + w.x * v0.b + w.y * v1.b + w.z * v2.b + w.w * v3.b);
}

fn save(last: bool, home: u32, split: u32, unit: u32, values: Pair, maximum: f32, total: f32) {
  let paired = unit + 1u < UNITS;   // an odd number of units leaves one alone
  if (last) {
    finish(home, split, unit, values.a, maximum, total);
    if (paired) { finish(home, split, unit + 1u, values.b, maximum, total); }
  } else {
    out[place(home, split, unit)] = values.a;
    if (paired) { out[place(home, split, unit + 1u)] = values.b; }
  }
}
