// Last step of sampling with filters, one workgroup: top-k, then top-p over what is left, then min-p, then the draw.
// Few candidates are ranked in workgroup memory; many are cut by a search for the border.
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
    weights[i] = bitcast<f32>(peaks[i].z) * weight_of(peaks[i].x, greatest);
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < SLICES; i++) { total += weights[i]; }
  workgroupBarrier();
  return total;
}

// Joins the slices' survivors into one list, ids ascending. Returns their number.
fn gather(thread: u32) -> u32 {
  for (var i = thread; i < SLICES; i += THREADS) { weights[i] = f32(slices[i].x); } // counts < 2^24: exact
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
    let candidate = kept[slice * SLICE + i - offsets[slice]];
    if (total <= RANKED) { unordered[i] = candidate; } else { candidates[i] = candidate; }
  }
  workgroupBarrier();
  storageBarrier();
  return total;
}

// How many of the most likely candidates stay, with weights[] in their order.
fn count_ranked(total: u32, greatest: f32, all: f32) -> u32 {
  let most = select(total, min(params.top_k, total), params.top_k > 0u);
  var count = most;
  if (params.top_p < 1.0) {
    var mass = all;
    if (params.top_k > 0u) {
      mass = 0.0;
      for (var i = 0u; i < most; i++) { mass += weights[i]; }
    }
    var sum = weights[0];
    count = 1u;
    while (count < most && sum < params.top_p * mass) {
      sum += weights[count];
      count++;
    }
  }
  if (uses(USES_MIN_P)) {
    let least = key_of(greatest - params.min_p_gap);
    while (count > 1u && ordered[count - 1u].x < least) { count--; }
  }
  return count;
}

fn draw_ranked(thread: u32, total: u32, greatest: f32, all: f32) {
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
  var race = 0u;
  var id = 0xffffffffu;
  for (var i = thread; i < count; i += THREADS) {
    let own = race_key(ordered[i].x, greatest, state.generated, ordered[i].y);
    if (own > race || (own == race && ordered[i].y < id)) {
      race = own;
      id = ordered[i].y;
    }
  }
  reduce_best(thread, race, id);
}

fn draw_searched(thread: u32, total: u32, top: u32, all: f32) {
  let greatest = value_of(top);
  if (thread == 0u) { found = Search(slices[SLICES].x, total, top + 1u, 0u, 0.0); }
  var border = workgroupUniformLoad(&found);
  var ties = total; // candidates that stay of those with the border's key
  var mass = all;
  if (params.top_k > 0u) {
    let most = min(params.top_k, total);
    search(thread, total, 0u, most, 0.0, greatest);
    border = workgroupUniformLoad(&found);
    ties = most - border.high_count;
    mass = border.high_mass + f32(ties) * weight_of(border.low, greatest);
    if (thread == 0u) { found = Search(border.low, border.low_count, top + 1u, 0u, 0.0); }
  }
  if (params.top_p < 1.0) {
    let kth = border.low;
    search(thread, total, 0u, 1u, params.top_p * mass, greatest);
    border = workgroupUniformLoad(&found);
    let missing = (params.top_p * mass - border.high_mass) / weight_of(border.low, greatest);
    ties = min(u32(clamp(ceil(missing), 1.0, 1e9)), select(total, ties, border.low == kth));
  }
  var least = border.low;
  var last_id = V;
  if (thread == 0u) { word = u32(ties < border.low_count - border.high_count); }
  if (workgroupUniformLoad(&word) != 0u) {
    if (thread == 0u) { found = Search(~(V - 1u), total, 0xffffffffu, 0u, 0.0); }
    search(thread, total, least, border.high_count + ties, 0.0, greatest);
    last_id = ~workgroupUniformLoad(&found).low;
  }
  if (uses(USES_MIN_P)) {
    let bound = key_of(greatest - params.min_p_gap);
    if (bound > least) {
      least = bound;
      last_id = V;
    }
  }
  var race = 0u;
  var id = 0xffffffffu;
  for (var i = thread; i < total; i += THREADS) {
    let candidate = candidates[i];
    if (candidate.x > least || (candidate.x == least && candidate.y <= last_id)) {
      let own = race_key(candidate.x, greatest, state.generated, candidate.y);
      if (own > race) {
        race = own;
        id = candidate.y;
      }
    }
  }
  reduce_best(thread, race, id);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  if (thread == 0u) { word = state.finished; }
  if (workgroupUniformLoad(&word) != 0u) { return; }
  var top = 0u;
  for (var i = thread; i < SLICES; i += THREADS) { top = max(top, peaks[i].x); }
  reduce_best(thread, top, 0u);
  if (thread == 0u) { word = best_keys[0]; }
  top = workgroupUniformLoad(&word);
  if (is_failure(top)) {
    if (thread == 0u) { fail(); }
    return;
  }
  if (uses(ONE_THRESHOLD)) {
    var winner = vec2u(0u, 0xffffffffu);
    for (var i = thread; i < SLICES; i += THREADS) {
      if (slices[i].x > winner.x) { winner = slices[i]; }
    }
    reduce_best(thread, winner.x, winner.y);
  } else {
    var all = 0.0;
    if (uses(USES_MASS)) { all = whole_mass(thread, value_of(top)); }
    let total = gather(thread);
    if (total <= RANKED) {
      draw_ranked(thread, total, value_of(top), all);
    } else {
      draw_searched(thread, total, top, all);
    }
  }
  if (thread == 0u) { commit(best_ids[0]); }
}
