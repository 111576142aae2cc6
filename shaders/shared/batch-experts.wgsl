// The rows of a product are pairs of token and slot, sorted by expert and cut into tiles by experts-gather.wgsl; the
// weight holds the matrices of all experts, one below the other.
override PAIRS_PER_INPUT: u32;   // neighbouring pairs that share a row of x: SLOTS where x holds tokens, 1 where pairs
@group(0) @binding(6) var<storage, read> pairs: array<u32>;
@group(0) @binding(7) var<storage, read> tiles: array<vec4u>;

struct Tile {
  first: u32,                // in `pairs`
  end: u32,
  matrix: u32,               // where the expert's matrix begins, in row groups
}

fn tile_at(index: u32) -> Tile {
  let tile = tiles[index];
  return Tile(tile.y, tile.z, tile.x * GROUPS);
}

fn input_row(row: u32) -> u32 { return pairs[row] / PAIRS_PER_INPUT; }

fn output_row(row: u32) -> u32 { return pairs[row]; }
