// finish(X W^T) for the T tokens of a batch on matrix units: prefill of small matrices, which need many workgroups. As
// matmul-subgroup-matrix.wgsl, but a workgroup computes 64 tokens by 64 rows, 64 columns at a time: half of them in four
// subgroups and half in the other four.
#import matrix-tiles
const TOKENS = 64u;
const ROWS = 64u;
const UNITS = 8u;
const PART_TOKENS = 32u;
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
  // Where the part of the subgroup lies in `tile`: computed here, not in a function, so that the compiler sees the bounds.
  let subgroup = subgroup_id % SUBGROUPS;
  let slice = subgroup / PARTS * SLICE_UNITS;
  let x_at = subgroup % PARTS / PARTS_ACROSS * PART_TOKENS * TILE_STRIDE + slice;
  let w_at = W_TILE + subgroup % PARTS_ACROSS * 32u * TILE_STRIDE + slice;
  let stage = subgroup * STAGE;
  // a thread loads one unit of 2 tokens and of 2 neighbouring rows
  let unit = thread % UNITS;
  let line = thread / UNITS;
  let row = source_row(first_group, line * 2u);
  let x_to = line * TILE_STRIDE + unit;
  let w_to = W_TILE + line * 2u * TILE_STRIDE + unit;
  // Sums of 16 tokens by 16 rows each. Not an array: a loop over it that stays a loop is slow.
  var s00: Sum; var s01: Sum;
  var s10: Sum; var s11: Sum;
  var x0 = load_x(first_token, line, 0u, unit);
  var x1 = load_x(first_token, line + LINES, 0u, unit);
  let first_unit = column_unit(0u, unit);
  var w0 = unit_values(row, first_unit);
  var w1 = unit_values(row + 1u, first_unit);
  for (var start = 0u; start < K / 8u; start += UNITS) {
    workgroupBarrier();
    tile[x_to] = pack(x0);
    tile[x_to + LINES * TILE_STRIDE] = pack(x1);
    tile[w_to] = pack(w0);
    tile[w_to + TILE_STRIDE] = pack(w1);
    workgroupBarrier();
    // the next tile is on its way while this one is multiplied
    let next = start + UNITS;
    x0 = load_x(first_token, line, next, unit);
    x1 = load_x(first_token, line + LINES, next, unit);
    let at = column_unit(next, unit);
    w0 = unit_values(row, at);
    w1 = unit_values(row + 1u, at);
    // written out: with offsets that a loop adds, bounds checks stay in the loads (1.7 times as slow)
    {
      let a0 = subgroupMatrixLoad<Left, row_major>(&tile, x_at, TILE_STRIDE);
      let a1 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 16u * TILE_STRIDE, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at, TILE_STRIDE);
      s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
      s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 16u * TILE_STRIDE, TILE_STRIDE);
      s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
      s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
    }
    {
      let a0 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 2u, TILE_STRIDE);
      let a1 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 2u + 16u * TILE_STRIDE, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 2u, TILE_STRIDE);
      s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
      s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 2u + 16u * TILE_STRIDE, TILE_STRIDE);
      s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
      s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
    }
  }
  for (var token = 0u; token < PART_TOKENS; token += 16u) {
    workgroupBarrier();
    switch (token) {
      case 0u: {
        subgroupMatrixStore<row_major>(&tile, stage, s00, STAGE_STRIDE);
        subgroupMatrixStore<row_major>(&tile, stage + 4u, s01, STAGE_STRIDE);
      }
      default: {
        subgroupMatrixStore<row_major>(&tile, stage, s10, STAGE_STRIDE);
        subgroupMatrixStore<row_major>(&tile, stage + 4u, s11, STAGE_STRIDE);
      }
    }
    workgroupBarrier();
    finish_stage(first_token, first_group, thread, token);
  }
}
