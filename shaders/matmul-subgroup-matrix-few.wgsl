// finish(X W^T) for at most 16 tokens on matrix units: decode of several sequences. As matmul-subgroup-matrix.wgsl, but a workgroup
// computes 16 tokens by 32 rows, 256 columns at a time, of which each of its subgroups takes its own 32: so weights are read once, by
// many workgroups.
#import matrix-tiles
const TOKENS = 16u;
const ROWS = 32u;
const UNITS = 32u;
const PART_TOKENS = 16u;
const LINES = THREADS / UNITS;      // tokens that the threads load at once

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_id) subgroup_id: u32,
) {
  let first_token = workgroup.y * TOKENS;
  if (stopped() || first_token >= batch_rows()) { return; }
  let first_group = workgroup.x * (ROWS / 8u);
  // Where the slice of the subgroup lies in `tile`: computed here, not in a function, so that the compiler sees the bounds.
  let subgroup = subgroup_id % SUBGROUPS;
  let x_at = subgroup * SLICE_UNITS;
  let w_at = W_TILE + subgroup * SLICE_UNITS;
  let stage = subgroup * STAGE;
  // a thread loads one unit of 2 tokens and of the 4 rows of a row group
  let unit = thread % UNITS;
  let line = thread / UNITS;
  let row = source_row(first_group, line * 4u);
  let x_to = line * TILE_STRIDE + unit;
  let w_to = W_TILE + line * 4u * TILE_STRIDE + unit;
  var s0: Sum;
  var s1: Sum;
  var x0 = load_x(first_token, line, 0u, unit);
  var x1 = load_x(first_token, line + LINES, 0u, unit);
  let first_unit = column_unit(0u, unit);
  var w0 = unit_values(row, first_unit);
  var w1 = unit_values(row + 1u, first_unit);
  var w2 = unit_values(row + 2u, first_unit);
  var w3 = unit_values(row + 3u, first_unit);
  for (var start = 0u; start < K / 8u; start += UNITS) {
    workgroupBarrier();
    tile[x_to] = pack(x0);
    tile[x_to + LINES * TILE_STRIDE] = pack(x1);
    tile[w_to] = pack(w0);
    tile[w_to + TILE_STRIDE] = pack(w1);
    tile[w_to + 2u * TILE_STRIDE] = pack(w2);
    tile[w_to + 3u * TILE_STRIDE] = pack(w3);
    workgroupBarrier();
    // the next tile is on its way while this one is multiplied
    let next = start + UNITS;
    x0 = load_x(first_token, line, next, unit);
    x1 = load_x(first_token, line + LINES, next, unit);
    let at = column_unit(next, unit);
    w0 = unit_values(row, at);
    w1 = unit_values(row + 1u, at);
    w2 = unit_values(row + 2u, at);
    w3 = unit_values(row + 3u, at);
    {
      let a = subgroupMatrixLoad<Left, row_major>(&tile, x_at, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at, TILE_STRIDE);
      s0 = subgroupMatrixMultiplyAccumulate(a, b0, s0);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 16u * TILE_STRIDE, TILE_STRIDE);
      s1 = subgroupMatrixMultiplyAccumulate(a, b1, s1);
    }
    {
      let a = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 2u, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 2u, TILE_STRIDE);
      s0 = subgroupMatrixMultiplyAccumulate(a, b0, s0);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 2u + 16u * TILE_STRIDE, TILE_STRIDE);
      s1 = subgroupMatrixMultiplyAccumulate(a, b1, s1);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&tile, stage, s0, STAGE_STRIDE);
  subgroupMatrixStore<row_major>(&tile, stage + 4u, s1, STAGE_STRIDE);
  workgroupBarrier();
  finish_stage(first_token, first_group, thread, 0u);
}
