// finish(X W^T) for the T tokens of a batch: prefill. A workgroup computes 4 * TOKEN_LANES tokens by 2 *
// ROW_LANES row groups: tiles of X and of the dequantised W, 4 * COLUMNS columns at a time, go through workgroup
// memory; a thread keeps the sums of 4 tokens by 2 row groups, that is 32 numbers, in registers. W is split
// in halves and a thread takes a row group of each, so that gate and up projection of the same output meet in
// one thread. SLICES threads share each such result, every one with its part of a tile's columns: a small matrix
// keeps more of the GPU busy that way.
#import state
#import weights
#import batch
#import tile-halves
#import epilogue
#import tile
const TOKENS = TOKEN_LANES * 4u;
const TILE_GROUPS = ROW_LANES * 2u;
const PLACES = TOKEN_LANES * ROW_LANES;
const THREADS = PLACES * SLICES;
// x[T, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;

// x_tile[column][token], w_tile[4 * column + row of a group][group]: two dimensions, so that the bounds checks of the
// last index leave the loop over columns. w_tile also passes sums between slices.
var<workgroup> x_tile: array<array<vec4f, TOKENS + PADDING>, COLUMNS>;
var<workgroup> w_tile: array<array<vec4f, TILE_GROUPS + PADDING>, COLUMNS * 4u>;

// Loads have no branch, so that several are under way at once: columns past the last one are zeros in X and anything
// in W.
fn load_x(start: u32, tile: Tile, thread: u32) {
  for (var i = thread; i < COLUMNS * TOKENS; i += THREADS) {
    let column = i % COLUMNS;
    let row = input_row(min(tile.first + i / COLUMNS, tile.end - 1u));
    let at = min(start + column, K / 4u - 1u);
    let past = K % (COLUMNS * 4u) != 0u && at != start + column;
    x_tile[column][i / COLUMNS] = select(x[row * (K / 4u) + at], vec4f(), past);
  }
}

fn load_w(start: u32, matrix: u32, first_group: u32, thread: u32) {
  for (var i = thread; i < COLUMNS * 2u * TILE_GROUPS; i += THREADS) {
    let row = i % 4u;
    let column = i / 4u % (COLUMNS / 2u) * 2u;
    let slot = i / (COLUMNS * 2u);
    let group = min(first_group + slot % ROW_LANES, HALF - 1u) + slot / ROW_LANES * HALF;
    let source = (matrix + min(group, GROUPS - 1u)) * 4u + row;
    let unit = unit_values(source, min((start + column) / 2u, K / 8u - 1u));
    w_tile[column * 4u + row][slot] = unit.a;
    w_tile[(column + 1u) * 4u + row][slot] = unit.b;
  }
}

// Four columns of the 4 rows of a group: one column a row of the matrix's transpose.
fn w_at(column: u32, group: u32) -> mat4x4f {
  return transpose(mat4x4f(
    w_tile[column * 4u][group], w_tile[column * 4u + 1u][group],
    w_tile[column * 4u + 2u][group], w_tile[column * 4u + 3u][group]));
}

fn multiply_add(sum: vec4f, w: mat4x4f, v: vec4f) -> vec4f {
  return fma(w[3], vec4f(v.w), fma(w[2], vec4f(v.z), fma(w[1], vec4f(v.y), fma(w[0], vec4f(v.x), sum))));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = tile_at(workgroup.y);
  if (stopped() || tile.first >= tile.end) { return; }
  let slice = thread / PLACES;
  let place = thread % PLACES;
  let lane = place % ROW_LANES;
  let token = place / ROW_LANES;
  // a: row group `lane` of the tile for four tokens; b: the same of the other half
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var b0 = vec4f(); var b1 = vec4f(); var b2 = vec4f(); var b3 = vec4f();
  for (var start = 0u; start < K / 4u; start += COLUMNS) {
    load_x(start, tile, thread);
    load_w(start, tile.matrix, workgroup.x * ROW_LANES, thread);
    workgroupBarrier();
    for (var column = slice; column < COLUMNS; column += SLICES) {
      let x0 = x_tile[column][token];
      let x1 = x_tile[column][token + TOKEN_LANES];
      let x2 = x_tile[column][token + TOKEN_LANES * 2u];
      let x3 = x_tile[column][token + TOKEN_LANES * 3u];
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
    if (SLICES > 1u) {
      let sums = (slice - 1u) * PLACES + place;
      if (slice > 0u) {
        w_tile[sums / ROW_LANES][lane] = a[i];
        w_tile[sums / ROW_LANES][lane + ROW_LANES] = b[i];
      }
      workgroupBarrier();
    }
    if (slice == 0u) {
      for (var s = 0u; s < SLICES - 1u; s++) {
        let sums = s * PLACES + place;
        a[i] += w_tile[sums / ROW_LANES][lane];
        b[i] += w_tile[sums / ROW_LANES][lane + ROW_LANES];
      }
      let row = tile.first + token + i * TOKEN_LANES;
      if (row < tile.end) { finish_halves(output_row(row), tile.matrix, group, a[i], b[i]); }
    }
    if (SLICES > 1u) { workgroupBarrier(); }
  }
}
