// attention-prefill on matrix units. A workgroup takes QUERIES pairs of a token and one of the query heads that share a KV
// head, each of its subgroups 16 of them: queries and results stay in registers as matrices, tiles of keys and values pass
// through workgroup memory, and so do scores and weights, of which 2 threads share a row. The values of a tile are
// multiplied together with the keys of the next, between the same two barriers. Results are only scaled when a row's
// maximum has grown by LATE since: that is rare, and in f16 weights up to 2^LATE are as exact as those up to 1.
// All is written out, with a name for each matrix and each load: in loops, or with offsets that do not come from constants
// and from `subgroup` as it is computed here, compilers keep checks in front of the loads.
#import attention-matrices
const LATE = 10.0;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_id) subgroup_id: u32,
) {
  let tiles = query_tiles(QUERIES, GROUP);
  if (stopped() || workgroup.x >= tiles) { return; }
  let queries = query_tile(tiles - 1u - workgroup.x, QUERIES, GROUP);   // those with most keys start first
  let slot = queries.slot;
  let kv_head = workgroup.y;
  let first_position = position_of(queries.first / GROUP);
  let oldest = first_key(first_position);
  let begin = first_block(first_position);
  let end = last_key(slot, position_of((queries.end - 1u) / GROUP)) + 1u;
  let last_block = (end - 1u) / BLOCK;
  let subgroup = subgroup_id % SUBGROUPS;
  let scores_at = SCORES + subgroup * (16u * SCORE_STRIDE);
  let weights_at = WEIGHTS + subgroup * (16u * WEIGHT_STRIDE);

  // A thread copies a unit of every LINES-th key, in loads without branches, or the compiler waits for each of them. What it
  // reads where there is no key only reaches scores that are masked. Values there would be multiplied: it takes a neighbour's.
  let line = thread / UNITS % LINES;
  let unit = thread % UNITS;
  let to = line * STRIDE + unit;
  #repeat b BLOCKS open
  var page#b = page_of(slot, min(begin / BLOCK + b, last_block));
  var next_page#b = page_of(slot, min((begin + KEYS) / BLOCK + b, last_block));
  #end
  #repeat b BLOCKS open
  #repeat l LOADS open
  var key#b#l = kv[key_index(page#b, l * LINES + line, kv_head) / 2u + unit];
  #end
  #end
  #repeat b BLOCKS open
  #repeat l LOADS open
  let at#b#l = clamp(begin + (b * 16u + l * LINES) + line, oldest, end - 1u) % BLOCK;
  var value#b#l = kv[value_index(page#b, at#b#l, kv_head) / 2u + unit];
  #end
  #end

  let row = thread / 2u;
  let part = thread % 2u;   // of the row's query, of its keys, of its results
  let query = min(queries.first + row, queries.end - 1u);
  let scale = SCALE * put_query(query_index(query, kv_head), row, part);
  workgroupBarrier();
  let rows_at = subgroup * (16u * STRIDE);
  #repeat c COLUMNS open
  let q#c = subgroupMatrixLoad<Left, row_major>(&tile, rows_at + 2u * c, STRIDE);
  #end
  workgroupBarrier();

  if (LINES * UNITS == THREADS || thread < LINES * UNITS) {
    #repeat b BLOCKS
    #repeat l LOADS
    tile[to + (b * 16u + l * LINES) * STRIDE] = key#b#l;
    #end
    #end
  }
  let later = begin + 2u * KEYS;
  #insert attention-next-keys
  workgroupBarrier();
  {
    #insert attention-scores
  }
  workgroupBarrier();

  let position = position_of(query / GROUP);
  let row_oldest = first_key(position);
  let row_end = last_key(slot, position) + 1u;
  let own = SCORES + row * SCORE_STRIDE + part * SCORE_HALF;
  let own_weights = WEIGHTS + row * WEIGHT_STRIDE + part * WEIGHT_HALF;
  var reference = start_maximum(kv_head * GROUP + query % GROUP);   // weights are 2^(score - reference)
  var total = select(0.0, START_WEIGHT, part == 0u);
  #repeat r ROUNDS open
  #repeat t ROUND_COLUMNS open
  var o#r#t: Sum;
  #end
  #end
  // weights and results of the tile at `start`, scores of the next; asks for the keys of the one after that
  for (var start = begin; start < end; start += KEYS) {
    if (LINES * UNITS == THREADS || thread < LINES * UNITS) {
      #repeat b BLOCKS
      #repeat l LOADS
      tile[to + (b * 16u + l * LINES) * STRIDE] = key#b#l;
      tile[to + (VALUES + (b * 16u + l * LINES) * STRIDE)] = value#b#l;
      #end
      #end
    }
    #repeat b BLOCKS
    #repeat l LOADS
    let at = clamp(start + KEYS + (b * 16u + l * LINES) + line, oldest, end - 1u) % BLOCK;
    value#b#l = kv[value_index(page#b, at, kv_head) / 2u + unit];
    #end
    #end
    let later = start + 3u * KEYS;
    #insert attention-next-keys

    let key = start + part * (8u * BLOCKS);
    let low = vec4u(max(row_oldest, key) - key);
    let high = vec4u(max(row_end, key) - key);
    var largest = MASKED;
    #repeat u BLOCKS open
    let x#u = masked(capped(bitcast<vec4f>(tile[own + 2u * u]) * scale), 8u * u, low, high);
    let y#u = masked(capped(bitcast<vec4f>(tile[own + (2u * u + 1u)]) * scale), 8u * u + 4u, low, high);
    let most#u = max(x#u, y#u);
    largest = max(largest, max(max(most#u.x, most#u.y), max(most#u.z, most#u.w)));
    #end
    largest = max(largest, subgroupShuffleXor(largest, 1u));
    let grows = largest > reference + LATE;
    // in the first tile there is nothing to scale yet, nor where the row saw no key
    if (grows && start > begin && reference > NO_MAXIMUM) { atomicStore(&grown, start); }
    let next = select(reference, largest, grows);
    let factor = exp2(reference - next);
    reference = next;
    total *= factor;
    #repeat u BLOCKS
    let x = exp2(x#u - next);
    let y = exp2(y#u - next);
    total += dot(x + y, vec4f(1.0));
    tile[own_weights + u] = pack(x, y);
    #end
    if (workgroupUniformLoad(&grown) == start && start > begin) {
      #repeat r ROUNDS
      #repeat t ROUND_COLUMNS
      subgroupMatrixStore<row_major>(&tile, scores_at + (4u * t + 2u * t / BLOCKS), o#r#t, SCORE_STRIDE);
      #end
      workgroupBarrier();
      #repeat u BLOCKS
      tile[own + 2u * u] = bitcast<vec4u>(bitcast<vec4f>(tile[own + 2u * u]) * factor);
      tile[own + (2u * u + 1u)] = bitcast<vec4u>(bitcast<vec4f>(tile[own + (2u * u + 1u)]) * factor);
      #end
      workgroupBarrier();
      #repeat t ROUND_COLUMNS
      o#r#t = subgroupMatrixLoad<Sum, row_major>(&tile, scores_at + (4u * t + 2u * t / BLOCKS), SCORE_STRIDE);
      #end
      #end
    }
    #repeat t BLOCKS
    let weights = subgroupMatrixLoad<Left, row_major>(&tile, weights_at + 8u / BLOCKS * t, WEIGHT_STRIDE);
    #repeat r ROUNDS
    #repeat c ROUND_COLUMNS
    let values = subgroupMatrixLoad<Right, row_major>(&tile, VALUES + t * 16u * STRIDE + 2u * (r * ROUND_COLUMNS + c), STRIDE);
    o#r#c = subgroupMatrixMultiplyAccumulate(weights, values, o#r#c);
    #end
    #end
    #end
    if (start + KEYS < end) {
      #insert attention-scores
    }
    workgroupBarrier();
  }

  total += subgroupShuffleXor(total, 1u);
  if (part == 0u) { tile[row].x = bitcast<u32>(1.0 / total); }
  #repeat r ROUNDS
  #repeat t ROUND_COLUMNS
  subgroupMatrixStore<row_major>(&tile, scores_at + (4u * t + 2u * t / BLOCKS), o#r#t, SCORE_STRIDE);
  #end
  workgroupBarrier();
  put_results(queries, kv_head, thread, r * ROUND_UNITS);
  workgroupBarrier();
  #end
}
