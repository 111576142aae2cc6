enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
// What the tiles of matmul-subgroup-matrix*.wgsl share. The importing file says TOKENS and ROWS of a workgroup, UNITS of 8
// columns that are in workgroup memory at a time, and PART_TOKENS: a subgroup computes PART_TOKENS by 32 of them. Where that
// makes fewer than 8 parts, several subgroups share each, every one with a slice of a tile's columns.
#import state
#import weights
#import tile-halves
#import epilogue
// x[T, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sum = subgroup_matrix_result<f32, 16, 16>;

const THREADS = 256u;
const SUBGROUPS = 8u;
const PARTS_ACROSS = ROWS / 32u;
const PARTS = TOKENS / PART_TOKENS * PARTS_ACROSS;
const SLICES = SUBGROUPS / PARTS;
const SLICE_UNITS = UNITS / SLICES;
// Activations are divided by this, a power of two, and results multiplied: numbers up to a million fit into f16.
const X_SCALE = 16.0;
// Numbers in f16, 8 to an element: x[token][unit], then w[row][unit]. 16 bytes of padding after each row keep the
// reads of matrices off each other's banks. At the end, f32 results: 16 tokens by 32 rows of each subgroup.
const TILE_STRIDE = UNITS + 1u;
const W_TILE = TOKENS * TILE_STRIDE;
const STAGE_STRIDE = 9u;
const STAGE = 16u * STAGE_STRIDE;
var<workgroup> tile: array<vec4u, max((TOKENS + ROWS) * TILE_STRIDE, SUBGROUPS * STAGE)>;

// Row of W at `row` of the tile: a part holds 4 row groups of the first half of W, then the 4 of the other half that belong
// to them.
fn source_row(first_group: u32, row: u32) -> u32 {
  let group = first_group + row / 32u * 4u + row / 4u % 4u;
  return min(min(group, HALF - 1u) + row / 16u % 2u * HALF, GROUPS - 1u) * 4u + row % 4u;
}

// Unit `unit` of the columns from `start` on, of the tile's `token`. No branch, or the compiler waits for each load in
// turn: columns past the last one are zeros in X and anything in W.
fn load_x(first_token: u32, token: u32, start: u32, unit: u32) -> Unit {
  let at = column_unit(start, unit);
  let i = min(first_token + token, batch_rows() - 1u) * (K / 4u) + at * 2u;
  let past = K % (UNITS * 8u) != 0u && at != start + unit;
  return Unit(select(x[i] / X_SCALE, vec4f(), past), select(x[i + 1u] / X_SCALE, vec4f(), past));
}

fn column_unit(start: u32, unit: u32) -> u32 { return min(start + unit, K / 8u - 1u); }

fn pack(unit: Unit) -> vec4u {
  return vec4u(
    pack2x16float(unit.a.xy), pack2x16float(unit.a.zw), pack2x16float(unit.b.xy), pack2x16float(unit.b.zw));
}

// Results that every subgroup has put to its STAGE of `tile`: 16 tokens of each part, from token `first` of it on.
fn finish_stage(first_token: u32, first_group: u32, thread: u32, first: u32) {
  for (var i = thread; i < PARTS * 64u; i += THREADS) {
    let group = i % 4u;
    let token = i / 4u % 16u;
    let part = i / 64u;
    var result = vec4f();
    var paired = vec4f();
    for (var slice = 0u; slice < SLICES; slice++) {
      let at = (slice * PARTS + part) * STAGE + token * STAGE_STRIDE + group;
      result += bitcast<vec4f>(tile[at]);
      paired += bitcast<vec4f>(tile[at + 4u]);
    }
    let row = first_token + part / PARTS_ACROSS * PART_TOKENS + first + token;
    if (row < batch_rows()) {
      finish_halves(row, 0u, first_group + part % PARTS_ACROSS * 4u + group, result * X_SCALE, paired * X_SCALE);
    }
  }
}
