// finish(X W^T) for the T tokens of a batch: prefill. A workgroup computes 4 * TOKEN_LANES tokens by 2 *
// ROW_LANES row groups: tiles of X and of the dequantised W, 32 columns at a time, go through workgroup
// memory; a thread keeps the sums of 4 tokens by 2 row groups, that is 32 numbers, in registers. W is split
// in halves and a thread takes a row group of each, so that gate and up projection of the same output meet in
// one thread.
#import state
#import weights
#import batch
#import tile-halves
#import epilogue
override TOKEN_LANES: u32;   // multiple of 8
override ROW_LANES: u32;     // multiple of 8
override TOKENS: u32 = TOKEN_LANES * 4u;
override TILE_GROUPS: u32 = ROW_LANES * 2u;
override THREADS: u32 = TOKEN_LANES * ROW_LANES;
// x[T, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(8) var<uniform> state: State;

const COLUMNS = 8u;          // of a tile, in units of 4
// x_tile[column][token], w_tile[column][row of a group][group], where the last index is swizzled: 8 threads
// that read neighbouring tokens or groups, and 8 that write what they loaded, touch all 32 banks.
var<workgroup> x_tile: array<vec4f, COLUMNS * TOKENS>;
var<workgroup> w_tile: array<vec4f, COLUMNS * 4u * TILE_GROUPS>;

fn x_slot(column: u32, token: u32) -> u32 { return column * TOKENS + (token ^ column); }

fn w_slot(column: u32, row: u32, group: u32) -> u32 {
  return (column * 4u + row) * TILE_GROUPS + (group ^ (row | ((column & 2u) << 1u)));
}

fn load_x(start: u32, tile: Tile, thread: u32) {
  for (var i = thread; i < COLUMNS * TOKENS; i += THREADS) {
    let column = i % COLUMNS;
    let row = input_row(min(tile.first + i / COLUMNS, tile.end - 1u));
    var value = vec4f();
    if (start + column < K / 4u) { value = x[row * (K / 4u) + start + column]; }
    x_tile[x_slot(column, i / COLUMNS)] = value;
  }
}

fn load_w(start: u32, matrix: u32, first_group: u32, thread: u32) {
  for (var i = thread; i < COLUMNS * 2u * TILE_GROUPS; i += THREADS) {
    let row = i % 4u;
    let column = i / 4u % 4u * 2u;
    let slot = i / 16u;
    let group = min(first_group + slot % ROW_LANES, HALF - 1u) + slot / ROW_LANES * HALF;
    var unit = Unit(vec4f(), vec4f());
    if (start + column < K / 4u) {
      unit = unit_values((matrix + min(group, GROUPS - 1u)) * 4u + row, (start + column) / 2u);
    }
    w_tile[w_slot(column, row, slot)] = unit.a;
    w_tile[w_slot(column + 1u, row, slot)] = unit.b;
  }
}

fn x_at(column: u32, token: u32) -> vec4f { return x_tile[x_slot(column, token)]; }

// Four columns of the 4 rows of a group: one column a row of the matrix's transpose.
fn w_at(column: u32, group: u32) -> mat4x4f {
  return transpose(mat4x4f(
    w_tile[w_slot(column, 0u, group)], w_tile[w_slot(column, 1u, group)],
    w_tile[w_slot(column, 2u, group)], w_tile[w_slot(column, 3u, group)]));
}

fn multiply_add(sum: vec4f, w: mat4x4f, v: vec4f) -> vec4f {
  return fma(w[3], vec4f(v.w), fma(w[2], vec4f(v.z), fma(w[1], vec4f(v.y), fma(w[0], vec4f(v.x), sum))));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = tile_at(workgroup.y);
  if (state.finished != 0u || tile.first >= tile.end) { return; }
  let lane = thread % ROW_LANES;
  let token = thread / ROW_LANES;
  // a: row group `lane` of the tile for four tokens; b: the same of the other half
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var b0 = vec4f(); var b1 = vec4f(); var b2 = vec4f(); var b3 = vec4f();
  for (var start = 0u; start < K / 4u; start += COLUMNS) {
    load_x(start, tile, thread);
    load_w(start, tile.matrix, workgroup.x * ROW_LANES, thread);
    workgroupBarrier();
    for (var column = 0u; column < COLUMNS; column++) {
      let x0 = x_at(column, token);
      let x1 = x_at(column, token + TOKEN_LANES);
      let x2 = x_at(column, token + TOKEN_LANES * 2u);
      let x3 = x_at(column, token + TOKEN_LANES * 3u);
      let a = w_at(column, lane);
      a0 = multiply_add(a0, a, x0);
      a1 = multiply_add(a1, a, x1);
      a2 = multiply_add(a2, a, x2);
      a3 = multiply_add(a3, a, x3);
      let b = w_at(column, lane + ROW_LANES);
      b0 = multiply_add(b0, b, x0);
      b1 = multiply_add(b1, b, x1);
      b2 = multiply_add(b2, b, x2);
      b3 = multiply_add(b3, b, x3);
    }
    workgroupBarrier();
  }
  let group = workgroup.x * ROW_LANES + lane;
  // a loop, so that the epilogue's code is there once
  var a = array<vec4f, 4>(a0, a1, a2, a3);
  var b = array<vec4f, 4>(b0, b1, b2, b3);
  for (var i = 0u; i < 4u; i++) {
    let row = tile.first + token + i * TOKEN_LANES;
    if (row < tile.end) { finish_halves(output_row(row), tile.matrix, group, a[i], b[i]); }
  }
}
