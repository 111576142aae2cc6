// What a workgroup or a thread of prefill attention takes: neighbouring rows of one sequence, so that all of them share
// keys. Where it computes the query heads of a KV head together, it counts queries instead, pairs of a row and one of
// `group` heads: row * group + head.
#import state

struct QueryTile {
  slot: u32,
  first: u32,                // query
  end: u32,                  // behind the last query
}

// Tiles of at most `size` queries in the batch.
fn query_tiles(size: u32, group: u32) -> u32 { return (batch_rows() * group + size - 1u) / size; }

// `index` below query_tiles().
fn query_tile(index: u32, size: u32, group: u32) -> QueryTile {
  let first = index * size;
  return QueryTile(slot_of(first / group), first, min(first + size, batch_rows() * group));
}
