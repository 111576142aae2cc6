enable subgroups;
// Attention of a token of each sequence over the paged KV cache (flash decoding), without workgroup memory while it reads. A workgroup
// takes one part of the keys of one KV head and serves TILE of the query heads that share it. A team is WIDTH threads of a
// subgroup; LANES of them share a key, each with WORDS_PER_LANE words of it, of its value, of the queries and of the
// results, all in registers; scores are added up by shuffles. Each LANES threads have their own running maximum; they meet
// once, at the end. Waiting for memory is what costs: keys and values of a round, DEPTH for each LANES threads, are asked for
// a round ahead, as soon as the registers are free, and nothing that loads stands in a branch. All loops over arrays are
// written out: in loops they cost 3 to 6 times as much (measured), since their elements are no registers then.
#import state
#import kv-cache
#import kv-words
#import attention-softmax
#import attention-mask
#import sinks
#import attention-split
#import result
#import attention-teams
override HEADS: u32;         // query heads, multiple of KV_HEADS
override THREADS: u32;       // multiple of WIDTH
override WIDTH: u32;         // a power of two, at most the smallest subgroup
override LANES: u32;         // a power of two, at most WIDTH, at least WIDTH / BLOCK
override FOLD: u32;          // heads joined at a time, as workgroup memory allows
override GROUP: u32 = HEADS / KV_HEADS;
override TILES: u32 = (GROUP + TILE - 1u) / TILE;
override UNITS: u32 = HEAD_DIM / 4u;
override WORDS: u32 = UNITS / WORD_UNITS;                           // of a head; exact
override TEAMS: u32 = THREADS / WIDTH;
override KEY_LANES: u32 = WIDTH / LANES;
override KEYS: u32 = KEY_LANES * DEPTH;                             // of a team's round
// sizes, given with the text:
//   TILE            query heads of a workgroup
//   DEPTH           keys of LANES threads in a round, at most 4
//   WORDS_PER_LANE  of a key or value
//   UNITS_PER_LANE  units of 4 elements, WORDS_PER_LANE * WORD_UNITS
//   LANE_STEPS      log2(LANES)
//   TEAM_STEPS      log2(KEY_LANES)
//   BLOCKS          of the cache, in a team's round

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<Word>;
@group(0) @binding(2) var<storage, read> block_table: array<u32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  #insert attention-part
  let team = thread / WIDTH;
  let key_lane = thread % WIDTH / LANES;
  let lane = thread % LANES;
  let mine = first + team * KEYS;                                    // the team's first key
  var page: array<u32, BLOCKS>;                                      // where the keys of the next round stand
  var key_word: array<array<Word, WORDS_PER_LANE>, DEPTH>;
  var value_word: array<array<Word, WORDS_PER_LANE>, DEPTH>;
  #repeat b BLOCKS
  page[b] = page_of(slot, min(mine / BLOCK + b, (end - 1u) / BLOCK));
  #end
  // lanes past the head's last word take that one again: their queries are 0, their results are not written
  var query: array<array<vec4f, UNITS_PER_LANE>, TILE>;
  #repeat h TILE
  let head = kv_head * GROUP + min(tile_head + h, GROUP - 1u);
  #repeat u UNITS_PER_LANE
  let word = lane + u / WORD_UNITS * LANES;
  let unit = q[(row * HEADS + head) * UNITS + min(word, WORDS - 1u) * WORD_UNITS + u % WORD_UNITS];
  query[h][u] = select(vec4f(), unit * SCALE, word < WORDS);
  #end
  #end
  #repeat j DEPTH
  let at = within(mine + j * KEY_LANES + key_lane, oldest, end) % BLOCK;
  let key = key_index(page[j * KEY_LANES / BLOCK], at, kv_head) / WORD_UNITS;
  let value = value_index(page[j * KEY_LANES / BLOCK], at, kv_head) / WORD_UNITS;
  #repeat w WORDS_PER_LANE
  key_word[j][w] = kv[key + min(lane + w * LANES, WORDS - 1u)];
  value_word[j][w] = kv[value + min(lane + w * LANES, WORDS - 1u)];
  #end
  #end
  #repeat b BLOCKS
  page[b] = page_of(slot, min((mine + TEAMS * KEYS) / BLOCK + b, (end - 1u) / BLOCK));
  #end
  var maximum: array<f32, TILE>;
  var weight: array<f32, TILE>;
  var acc: array<array<vec4f, UNITS_PER_LANE>, TILE>;
  #repeat h TILE
  maximum[h] = NO_MAXIMUM;
  if (workgroup.x == 0u && thread < LANES) {   // sinks count once
    maximum[h] = start_maximum(kv_head * GROUP + min(tile_head + h, GROUP - 1u));
    weight[h] = START_WEIGHT;
  }
  #end

  // every team goes round as often as the first, so that no thread of a subgroup is missing
  for (var start = first; start < end; start += TEAMS * KEYS) {
    let now = start + team * KEYS + key_lane;
    let next = now + TEAMS * KEYS;
    var score = array<vec4f, TILE>();   // Dawn sets a variable in a loop to 0 once unless told to
    #repeat j DEPTH
    #repeat u UNITS_PER_LANE
    let unit = unit_of(key_word[j][u / WORD_UNITS], u % WORD_UNITS);
    #repeat h TILE
    score[h][j] += dot(query[h][u], unit);
    #end
    #end
    #end
    #repeat j DEPTH
    let at = within(next + j * KEY_LANES, oldest, end) % BLOCK;
    let key = key_index(page[j * KEY_LANES / BLOCK], at, kv_head) / WORD_UNITS;
    #repeat w WORDS_PER_LANE
    key_word[j][w] = kv[key + min(lane + w * LANES, WORDS - 1u)];
    #end
    #end
    var seen: vec4<bool>;
    #repeat j DEPTH
    seen[j] = now + j * KEY_LANES >= oldest && now + j * KEY_LANES < end;
    #end
    #repeat h TILE
    var s = score[h];
    #repeat i LANE_STEPS
    s += subgroupShuffleXor(s, 1u << i);
    #end
    s = select(vec4f(MASKED), capped(s), seen);
    let largest = max(maximum[h], max(max(s.x, s.y), max(s.z, s.w)));
    let shrink = exp2(maximum[h] - largest);
    score[h] = exp2(s - largest);   // from here on: weights
    maximum[h] = largest;
    weight[h] = weight[h] * shrink + dot(score[h], vec4f(1.0));
    #repeat u UNITS_PER_LANE
    acc[h][u] *= shrink;
    #end
    #end
    #repeat j DEPTH
    #repeat u UNITS_PER_LANE
    let unit = unit_of(value_word[j][u / WORD_UNITS], u % WORD_UNITS);
    #repeat h TILE
    acc[h][u] += score[h][j] * unit;
    #end
    #end
    #end
    #repeat j DEPTH
    let at = within(next + j * KEY_LANES, oldest, end) % BLOCK;
    let value = value_index(page[j * KEY_LANES / BLOCK], at, kv_head) / WORD_UNITS;
    #repeat w WORDS_PER_LANE
    value_word[j][w] = kv[value + min(lane + w * LANES, WORDS - 1u)];
    #end
    #end
    #repeat b BLOCKS
    page[b] = page_of(slot, min((start + team * KEYS + 2u * TEAMS * KEYS) / BLOCK + b, (end - 1u) / BLOCK));
    #end
  }

  #repeat h TILE
  var largest = maximum[h];
  #repeat i TEAM_STEPS
  largest = max(largest, subgroupShuffleXor(largest, LANES << i));
  #end
  let shrink = exp2(maximum[h] - largest);
  maximum[h] = largest;
  weight[h] = across(vec4f(weight[h] * shrink)).x;
  #repeat u UNITS_PER_LANE
  acc[h][u] = across(acc[h][u] * shrink);
  #end
  #end
  for (var base = 0u; base < TILE; base += FOLD) {
    #repeat h TILE
    let f = h - base;   // wraps around where it is not its turn
    if (f < FOLD) {
      if (thread % WIDTH == 0u) { team_sums[f * TEAMS + team] = vec2f(maximum[h], weight[h]); }
      #repeat u UNITS_PER_LANE
      let word = lane + u / WORD_UNITS * LANES;
      if (key_lane == 0u && word < WORDS) {
        team_values[(f * TEAMS + team) * UNITS + word * WORD_UNITS + u % WORD_UNITS] = acc[h][u];
      }
      #end
    }
    #end
    workgroupBarrier();
    for (var i = thread; i < FOLD * UNITS; i += THREADS) {
      let f = i / UNITS;
      let head = tile_head + base + f;
      if (base + f < TILE && head < GROUP) { join(f, row * HEADS + kv_head * GROUP + head, workgroup.x, i % UNITS); }
    }
    workgroupBarrier();
  }
}

// A key that may be read in place of one that may not: older than the window or not written yet, it may be no number, and
// 0 times a NaN is a NaN. It is in the same block, or in the last one.
fn within(key: u32, oldest: u32, end: u32) -> u32 {
  return clamp(key, oldest, end - 1u);
}
