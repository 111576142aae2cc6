// What a workgroup or a thread of prefill attention takes: neighbouring rows of one sequence, so that all of them share
// keys. Where it computes the query heads of a KV head together, it counts queries instead, pairs of a row and one of
// `group` heads: row * group + head.
#import state

struct QueryTile {
  slot: u32,
  first: u32,                // query
  end: u32,                  // behind the last query
}

// Tiles of at most `size` queries that the first `count` sequences of the batch have: each begins one.
fn tiles_of(count: u32, size: u32, group: u32) -> u32 {
  var tiles = 0u;
  for (var i = 0u; i < count; i++) { tiles += (row_count(slot_at(i)) * group + size - 1u) / size; }
  return tiles;
}

// In the whole batch.
fn query_tiles(size: u32, group: u32) -> u32 { return tiles_of(sequences(), size, group); }

// `index` below query_tiles().
fn query_tile(index: u32, size: u32, group: u32) -> QueryTile {
  var slot = slot_at(0u);
  var before = 0u;           // tiles of the sequences before
  for (var i = 1u; i < sequences(); i++) {
    let next = before + (row_count(slot) * group + size - 1u) / size;
    if (index < next) { break; }
    before = next;
    slot = slot_at(i);
  }
  let first = first_row(slot) * group + (index - before) * size;
  return QueryTile(slot, first, min(first + size, (first_row(slot) + row_count(slot)) * group));
}
