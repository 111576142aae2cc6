// What a workgroup of decode attention takes: keys `first` to `end` of a KV head for one row, and the query heads from
// `tile_head` on.
let row = workgroup.z;
let slot = slot_of(row);
let position = position_of(row);
let keys = position + 1u;
let oldest = first_key(position);
let begin = first_block(position);
let split_keys = keys_per_split(keys - begin);
let first = begin + workgroup.x * split_keys;
if (stopped() || first >= keys) { return; }
let end = min(keys, first + split_keys);
let kv_head = workgroup.y / TILES;
let tile_head = (workgroup.y % TILES) * TILE;
