// Epilogue of the QKV projection: rotates queries and keys (RoPE on adjacent pairs; other pairings are a permutation of
// rows made at load), writes queries to y[T, HEADS * HEAD_DIM] and keys and values into the paged cache.
#import kv-cache
override N: u32;             // rows of this product; a whole QKV or, where the types differ, one part of it
override FIRST_ROW: u32;     // where its first row stands in [Q | K | V]
override HEADS: u32;
override ROTATED: u32;       // leading elements of a head that RoPE rotates, multiple of 4
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> kv: array<real4>;
@group(0) @binding(6) var<storage, read> block_table: array<u32>;
// (cos, sin) per position and pair: rope[position][ROTATED / 2]
@group(0) @binding(7) var<storage, read> rope: array<vec2f>;

fn finish(token: u32, group: u32, result: vec4f, paired: vec4f) {
  if (group * 4u >= N) { return; }
  let row = FIRST_ROW + group * 4u;
  let head = row / HEAD_DIM;
  let element = row % HEAD_DIM;
  let position = state.position + token;
  var value = result;
  if (head < HEADS + KV_HEADS && element < ROTATED) {
    let pair = position * (ROTATED / 2u) + element / 2u;
    let first = rope[pair];
    let second = rope[pair + 1u];
    value = vec4f(
      result.x * first.x - result.y * first.y, result.x * first.y + result.y * first.x,
      result.z * second.x - result.w * second.y, result.z * second.y + result.w * second.x);
  }
  if (head < HEADS) {
    y[token * (HEADS * HEAD_DIM / 4u) + row / 4u] = value;
    return;
  }
  let block = block_table[position / BLOCK];
  let slot = position % BLOCK;
  if (head < HEADS + KV_HEADS) {
    kv[key_index(block, slot, head - HEADS) + element / 4u] = real4(value);
  } else {
    kv[value_index(block, slot, head - HEADS - KV_HEADS) + element / 4u] = real4(value);
  }
}
