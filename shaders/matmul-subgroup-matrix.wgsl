// finish(X W^T) for the T tokens of a batch on matrix units: prefill of large matrices. A workgroup computes 128 tokens by
// 128 rows: tiles of X and of the dequantised W, 64 columns at a time, go through workgroup memory as f16; sums are f32.
// W is split in halves, as in matmul.wgsl.
#import matrix-tiles
const TOKENS = 128u;
const ROWS = 128u;
const UNITS = 8u;
const PART_TOKENS = 64u;
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
  // a thread loads one unit of 4 tokens and of 4 neighbouring rows
  let unit = thread % UNITS;
  let line = thread / UNITS;
  let row = source_row(first_group, line * 4u);
  let x_to = line * TILE_STRIDE + unit;
  let w_to = W_TILE + line * 4u * TILE_STRIDE + unit;
  // Sums of 16 tokens by 16 rows each. Not an array: a loop over it that stays a loop is slow.
  var s00: Sum; var s01: Sum;
  var s10: Sum; var s11: Sum;
  var s20: Sum; var s21: Sum;
  var s30: Sum; var s31: Sum;
  var x0 = load_x(first_token, line, 0u, unit);
  var x1 = load_x(first_token, line + LINES, 0u, unit);
  var x2 = load_x(first_token, line + LINES * 2u, 0u, unit);
  var x3 = load_x(first_token, line + LINES * 3u, 0u, unit);
  let first_unit = column_unit(0u, unit);
  var w0 = unit_values(row, first_unit);
  var w1 = unit_values(row + 1u, first_unit);
  var w2 = unit_values(row + 2u, first_unit);
  var w3 = unit_values(row + 3u, first_unit);
  for (var start = 0u; start < K / 8u; start += UNITS) {
    workgroupBarrier();
    tile[x_to] = pack(x0);
    tile[x_to + LINES * TILE_STRIDE] = pack(x1);
    tile[x_to + LINES * 2u * TILE_STRIDE] = pack(x2);
    tile[x_to + LINES * 3u * TILE_STRIDE] = pack(x3);
    tile[w_to] = pack(w0);
    tile[w_to + TILE_STRIDE] = pack(w1);
    tile[w_to + 2u * TILE_STRIDE] = pack(w2);
    tile[w_to + 3u * TILE_STRIDE] = pack(w3);
    workgroupBarrier();
    // the next tile is on its way while this one is multiplied
    let next = start + UNITS;
    x0 = load_x(first_token, line, next, unit);
    x1 = load_x(first_token, line + LINES, next, unit);
    x2 = load_x(first_token, line + LINES * 2u, next, unit);
    x3 = load_x(first_token, line + LINES * 3u, next, unit);
    let at = column_unit(next, unit);
    w0 = unit_values(row, at);
    w1 = unit_values(row + 1u, at);
    w2 = unit_values(row + 2u, at);
    w3 = unit_values(row + 3u, at);
    // written out: with offsets that a loop adds, bounds checks stay in the loads (1.7 times as slow)
    {
      let a0 = subgroupMatrixLoad<Left, row_major>(&tile, x_at, TILE_STRIDE);
      let a1 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 16u * TILE_STRIDE, TILE_STRIDE);
      let a2 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 32u * TILE_STRIDE, TILE_STRIDE);
      let a3 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 48u * TILE_STRIDE, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at, TILE_STRIDE);
      s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
      s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
      s20 = subgroupMatrixMultiplyAccumulate(a2, b0, s20);
      s30 = subgroupMatrixMultiplyAccumulate(a3, b0, s30);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 16u * TILE_STRIDE, TILE_STRIDE);
      s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
      s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
      s21 = subgroupMatrixMultiplyAccumulate(a2, b1, s21);
      s31 = subgroupMatrixMultiplyAccumulate(a3, b1, s31);
    }
    {
      let a0 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 2u, TILE_STRIDE);
      let a1 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 2u + 16u * TILE_STRIDE, TILE_STRIDE);
      let a2 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 2u + 32u * TILE_STRIDE, TILE_STRIDE);
      let a3 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 2u + 48u * TILE_STRIDE, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 2u, TILE_STRIDE);
      s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
      s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
      s20 = subgroupMatrixMultiplyAccumulate(a2, b0, s20);
      s30 = subgroupMatrixMultiplyAccumulate(a3, b0, s30);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 2u + 16u * TILE_STRIDE, TILE_STRIDE);
      s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
      s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
      s21 = subgroupMatrixMultiplyAccumulate(a2, b1, s21);
      s31 = subgroupMatrixMultiplyAccumulate(a3, b1, s31);
    }
    {
      let a0 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 4u, TILE_STRIDE);
      let a1 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 4u + 16u * TILE_STRIDE, TILE_STRIDE);
      let a2 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 4u + 32u * TILE_STRIDE, TILE_STRIDE);
      let a3 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 4u + 48u * TILE_STRIDE, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 4u, TILE_STRIDE);
      s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
      s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
      s20 = subgroupMatrixMultiplyAccumulate(a2, b0, s20);
      s30 = subgroupMatrixMultiplyAccumulate(a3, b0, s30);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 4u + 16u * TILE_STRIDE, TILE_STRIDE);
      s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
      s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
      s21 = subgroupMatrixMultiplyAccumulate(a2, b1, s21);
      s31 = subgroupMatrixMultiplyAccumulate(a3, b1, s31);
    }
    {
      let a0 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 6u, TILE_STRIDE);
      let a1 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 6u + 16u * TILE_STRIDE, TILE_STRIDE);
      let a2 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 6u + 32u * TILE_STRIDE, TILE_STRIDE);
      let a3 = subgroupMatrixLoad<Left, row_major>(&tile, x_at + 6u + 48u * TILE_STRIDE, TILE_STRIDE);
      let b0 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 6u, TILE_STRIDE);
      s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
      s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
      s20 = subgroupMatrixMultiplyAccumulate(a2, b0, s20);
      s30 = subgroupMatrixMultiplyAccumulate(a3, b0, s30);
      let b1 = subgroupMatrixLoad<Right, col_major>(&tile, w_at + 6u + 16u * TILE_STRIDE, TILE_STRIDE);
      s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
      s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
      s21 = subgroupMatrixMultiplyAccumulate(a2, b1, s21);
      s31 = subgroupMatrixMultiplyAccumulate(a3, b1, s31);
    }
  }
  for (var token = 0u; token < PART_TOKENS; token += 16u) {
    workgroupBarrier();
    switch (token) {
      case 0u: {
        subgroupMatrixStore<row_major>(&tile, stage, s00, STAGE_STRIDE);
        subgroupMatrixStore<row_major>(&tile, stage + 4u, s01, STAGE_STRIDE);
      }
      case 16u: {
        subgroupMatrixStore<row_major>(&tile, stage, s10, STAGE_STRIDE);
        subgroupMatrixStore<row_major>(&tile, stage + 4u, s11, STAGE_STRIDE);
      }
      case 32u: {
        subgroupMatrixStore<row_major>(&tile, stage, s20, STAGE_STRIDE);
        subgroupMatrixStore<row_major>(&tile, stage + 4u, s21, STAGE_STRIDE);
      }
      default: {
        subgroupMatrixStore<row_major>(&tile, stage, s30, STAGE_STRIDE);
        subgroupMatrixStore<row_major>(&tile, stage + 4u, s31, STAGE_STRIDE);
      }
    }
    workgroupBarrier();
    finish_stage(first_token, first_group, thread, token);
  }
}
