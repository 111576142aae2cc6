// Last dispatch of sampling with filters, a workgroup a draw: top-k, then top-p over what is left, then min-p, then
// the draw. Few candidates are ranked in workgroup memory; many are cut by a search for the border.
#import sample-commit
#import sample-search
override SLICE: u32;         // ids per slice
override SLICES: u32;        // at most 256
const RANKED = 192u;         // candidates that are ranked at most: all arrays together stay under 16 KB
@group(0) @binding(0) var<storage, read> peaks: array<vec4u>;
@group(0) @binding(1) var<storage, read> slices: array<vec2u>;
@group(0) @binding(2) var<storage, read> kept: array<vec2u>;

var<workgroup> offsets: array<u32, SLICES + 1>;
var<workgroup> unordered: array<vec2u, RANKED>;
var<workgroup> ordered: array<vec2u, RANKED>;
var<workgroup> weights: array<f32, 256>;
// a value that one thread hands to all, in uniform control flow
var<workgroup> word: u32;

// Sum of all weights, from the slices' sums in their order.
fn whole_mass(thread: u32, greatest: f32) -> f32 {
  for (var i = thread; i < SLICES; i += THREADS) {
    weights[i] = bitcast<f32>(peaks[draw * SLICES + i].z) * weight_of(peaks[draw * SLICES + i].x, greatest);
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < SLICES; i++) { total += weights[i]; }
  workgroupBarrier();
  return total;
}

// Joins the slices' survivors into one list, ids ascending. Returns their number.
fn gather(thread: u32) -> u32 {
  for (var i = thread; i < SLICES; i += THREADS) { weights[i] = f32(slices[draw * (SLICES + 1u) + i].x); } // counts < 2^24: exact
  workgroupBarrier();
  for (var i = thread; i <= SLICES; i += THREADS) {
    var offset = 0.0;
    for (var j = 0u; j < i; j++) { offset += weights[j]; }
    offsets[i] = u32(offset);
  }
  workgroupBarrier();
  if (thread == 0u) { word = offsets[SLICES]; }
  let total = workgroupUniformLoad(&word);
  for (var i = thread; i < total; i += THREADS) {
    var slice = 0u; // the last one that starts at or before i
    for (var step = 128u; step > 0u; step /= 2u) {
      if (slice + step < SLICES && offsets[slice + step] <= i) { slice += step; }
    }
    let candidate = kept[(draw * SLICES + slice) * SLICE + i - offsets[slice]];
    if (total <= RANKED) { unordered[i] = candidate; } else { candidates[draw * V + i] = candidate; }
  }
  workgroupBarrier();
  storageBarrier();
  return total;
}

// How many of the most likely candidates stay, with weights[] in their order.
fn count_ranked(total: u32, greatest: f32, all: f32) -> u32 {
  let most = select(total, min(asked[slot].top_k, total), asked[slot].top_k > 0u);
  var count = most;
  if (asked[slot].top_p < 1.0) {
    var mass = all;
    if (asked[slot].top_k > 0u) {
      mass = 0.0;
      for (var i = 0u; i < most; i++) { mass += weights[i]; }
    }
    var sum = weights[0];
    count = 1u;
    while (count < most && sum < asked[slot].top_p * mass) {
      sum += weights[count];
      count++;
    }
  }
  if (uses(USES_MIN_P)) {
    let least = key_of(greatest - asked[slot].min_p_gap);
    while (count > 1u && ordered[count - 1u].x < least) { count--; }
  }
  return count;
}

fn draw_ranked(thread: u32, total: u32, greatest: f32, all: f32) -> vec2u {
  for (var i = thread; i < total; i += THREADS) {
    let own = unordered[i];
    var rank = 0u;
    for (var j = 0u; j < total; j++) {
      let other = unordered[j].x;
      rank += u32(other > own.x || (other == own.x && j < i));
    }
    ordered[rank] = own;
    weights[rank] = weight_of(own.x, greatest);
  }
  workgroupBarrier();
  if (thread == 0u) { word = count_ranked(total, greatest, all); }
  let count = workgroupUniformLoad(&word);
  let drawn = generated(slot);
  var winner = vec2u(0u);
  for (var i = thread; i < count; i += THREADS) {
    let own = ordered[i];
    winner = better(winner, vec2u(race_key(own.x, greatest, drawn, own.y), own.y));
  }
  return winner;
}

// The same three filters without ranking: three searches at most, for the borders of top-k, of top-p, and
// among equals.
fn draw_searched(thread: u32, total: u32, top: u32, all: f32) -> vec2u {
  let greatest = value_of(top);
  var least = slices[draw * (SLICES + 1u) + SLICES].x; // key of the border
  var at_least = total;         // candidates that reach it
  var above = 0u;               // candidates above it
  var ties = total;             // candidates that stay of those with the border's key
  var last_id = V;              // the greatest id of those
  var mass = all;
  for (var stage = 0u; stage < 3u; stage++) {
    var needed = asked[slot].top_k > 0u;
    var count = min(asked[slot].top_k, total);
    var target_mass = 0.0;
    if (stage == 1u) {
      needed = asked[slot].top_p < 1.0;
      count = 1u;
      target_mass = asked[slot].top_p * mass;
    } else if (stage == 2u) {
      needed = ties < at_least - above;
      count = above + ties;
    }
    let tie = select(0u, least, stage == 2u);
    if (thread == 0u) {
      word = u32(needed);
      found = Search(least, at_least, top + 1u, 0u, 0.0);
      if (stage == 2u) { found = Search(~(V - 1u), total, 0xffffffffu, 0u, 0.0); }
    }
    if (workgroupUniformLoad(&word) == 0u) { continue; }
    search(thread, total, tie, count, target_mass, greatest);
    let border = workgroupUniformLoad(&found);
    if (stage == 2u) {
      last_id = ~border.low;
      continue;
    }
    let weight = weight_of(border.low, greatest);
    if (stage == 0u) {
      ties = count - border.high_count;
      mass = border.high_mass + f32(ties) * weight;
    } else {
      let missing = ceil((target_mass - border.high_mass) / weight);
      ties = min(u32(clamp(missing, 1.0, 1e9)), select(total, ties, border.low == least));
    }
    least = border.low;
    at_least = border.low_count;
    above = border.high_count;
  }
  if (uses(USES_MIN_P)) {
    let bound = key_of(greatest - asked[slot].min_p_gap);
    if (bound > least) {
      least = bound;
      last_id = V;
    }
  }
  let drawn = generated(slot);
  var winner = vec2u(0u);
  for (var i = thread; i < total; i += THREADS) {
    let candidate = candidates[draw * V + i];
    if (candidate.x > least || (candidate.x == least && candidate.y <= last_id)) {
      let race = race_key(candidate.x, greatest, drawn, candidate.y);
      winner = better(winner, vec2u(race, candidate.y));
    }
  }
  return winner;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let drawn_for = begin_draw(workgroup.x, false);
  if (thread == 0u) { word = drawn_for; }
  let asking = workgroupUniformLoad(&word);
  if (asking == NO_SLOT) { return; }
  var peak = vec2u(0u);
  for (var i = thread; i < SLICES; i += THREADS) { peak = better(peak, peaks[draw * SLICES + i].xy); }
  peak = reduce_best(thread, peak);
  if (thread == 0u) { word = peak.x; }
  let top = workgroupUniformLoad(&word);
  if (is_failure(top)) {
    if (thread == 0u) { fail(); }
    return;
  }
  var winner = vec2u(0u); // (race key, id)
  if (flagged(asking, ONE_THRESHOLD)) {
    for (var i = thread; i < SLICES; i += THREADS) { winner = better(winner, slices[draw * (SLICES + 1u) + i]); }
  } else {
    var all = 0.0;
    if (flagged(asking, USES_MASS)) { all = whole_mass(thread, value_of(top)); }
    let total = gather(thread);
    if (total <= RANKED) {
      winner = draw_ranked(thread, total, value_of(top), all);
    } else {
      winner = draw_searched(thread, total, top, all);
    }
  }
  winner = reduce_best(thread, winner);
  if (thread == 0u) { commit(winner.y); }
}
