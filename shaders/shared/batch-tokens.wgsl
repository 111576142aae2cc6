// The rows of a product are the tokens of a batch, all against one matrix.
struct Tile {
  first: u32,                // row
  end: u32,                  // behind the last row
  matrix: u32,               // where the matrix begins, in row groups
}

fn tile_at(index: u32) -> Tile { return Tile(index * TOKENS, batch_rows(), 0u); }

fn input_row(row: u32) -> u32 { return row; }

fn output_row(row: u32) -> u32 { return row; }
