// Where four elements of [Q | K | V] go: queries and keys are rotated (RoPE on adjacent pairs; other pairings are a
// permutation of rows made at load), queries written to y[T, HEADS * HEAD_DIM], keys and values into the paged cache.
#import state
#import kv-cache
override HEADS: u32;
override ROTATED: u32;       // leading elements of a head that RoPE rotates, multiple of 4; 0 = none
override TEMPERATURE: f32;   // queries times 1 + TEMPERATURE * ln(1 + floor(position / ORIGINAL)); 0 = as they are
override ORIGINAL: u32;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> kv: array<real4>;
@group(0) @binding(6) var<storage, read> block_table: array<u32>;
// (cos, sin) per position and pair: rope[position][ROTATED / 2]
@group(0) @binding(7) var<storage, read> rope: array<vec2f>;

fn place(token: u32, row: u32, given: vec4f) {
  let head = row / HEAD_DIM;
  let element = row % HEAD_DIM;
  let position = position_of(token);
  var value = given;
  if (head < HEADS + KV_HEADS && element < ROTATED) {
    let pair = position * (ROTATED / 2u) + element / 2u;
    let first = rope[pair];
    let second = rope[pair + 1u];
    value = vec4f(
      given.x * first.x - given.y * first.y, given.x * first.y + given.y * first.x,
      given.z * second.x - given.w * second.y, given.z * second.y + given.w * second.x);
  }
  if (head < HEADS) {
    if (TEMPERATURE != 0.0) { value *= 1.0 + TEMPERATURE * log(f32(1u + position / ORIGINAL)); }
    y[token * (HEADS * HEAD_DIM / 4u) + row / 4u] = value;
    return;
  }
  let page = page_of(slot_of(token), position / BLOCK);
  let at = position % BLOCK;
  if (head < HEADS + KV_HEADS) {
    kv[key_index(page, at, head - HEADS) + element / 4u] = to_real(value);
  } else {
    kv[value_index(page, at, head - HEADS - KV_HEADS) + element / 4u] = to_real(value);
  }
}
