// Second dispatch of sampling with filters, many workgroups for each draw (z): from the slices' greatest logits every workgroup derives a bound that
// all tokens which can be drawn reach, and keeps those of its slice that do, in order of ids.
#import state
#import sample-best
#import sample-weight
override V: u32;             // vocabulary size
override SLICE: u32;         // ids per workgroup, a multiple of THREADS
override SLICES: u32;
@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> peaks: array<vec4u>;
// by draw: (key, id), a slice's survivors from slice * SLICE on
@group(0) @binding(2) var<storage, read_write> kept: array<vec2u>;
// by draw, per slice: how many were kept; with ONE_THRESHOLD the slice's winner (race key, id). Last entry: the
// bound's key
@group(0) @binding(3) var<storage, read_write> slices: array<vec2u>;

var<workgroup> peak_keys: array<u32, SLICES>;
var<workgroup> masses: array<f32, SLICES>;
var<workgroup> ranked: u32;
var<workgroup> counts: array<u32, THREADS>;

// Key of the k-th greatest peak, in `ranked`: at least k tokens reach it, so that the k most likely ones do.
fn rank_peaks(thread: u32) {
  for (var i = thread; i < SLICES; i += THREADS) {
    var rank = 0u;
    for (var j = 0u; j < SLICES; j++) {
      rank += u32(peak_keys[j] > peak_keys[i] || (peak_keys[j] == peak_keys[i] && j < i));
    }
    if (rank == asked[slot].top_k - 1u) { ranked = peak_keys[i]; }
  }
  workgroupBarrier();
}

// Logit below which all tokens together hold less than half of what top-p leaves out (half: room for
// rounding).
fn mass_bound(thread: u32, greatest: f32) -> f32 {
  for (var i = thread; i < SLICES; i += THREADS) {
    masses[i] = bitcast<f32>(peaks[draw * SLICES + i].z) * weight_of(peaks[draw * SLICES + i].x, greatest);
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < SLICES; i++) { total += masses[i]; }
  return greatest + asked[slot].temperature * log(0.5 * (1.0 - asked[slot].top_p) * total / f32(V));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let asking = begin_draw(workgroup.z, false);
  if (asking == NO_SLOT) { return; }
  for (var i = thread; i < SLICES; i += THREADS) { peak_keys[i] = peaks[draw * SLICES + i].x; }
  workgroupBarrier();
  var top = 0u;
  for (var i = 0u; i < SLICES; i++) { top = max(top, peak_keys[i]); }
  let greatest = value_of(top);

  var bound = NEGATIVE_INFINITY + 1u;
  if (asked[asking].top_k > 0u && asked[asking].top_k <= SLICES) {
    rank_peaks(thread);
    bound = max(bound, ranked);
  }
  if (flagged(asking, USES_MASS)) { bound = max(bound, key_of(mass_bound(thread, greatest))); }
  // with both top-k and top-p, the k tokens' sum counts those that min-p drops
  if (uses(USES_MIN_P) && (asked[slot].top_k == 0u || asked[slot].top_p >= 1.0)) {
    bound = max(bound, key_of(greatest - asked[slot].min_p_gap));
  }

  let slice = workgroup.x;
  if (slice == 0u && thread == 0u) { slices[draw * (SLICES + 1u) + SLICES] = vec2u(bound, 0u); }
  if (flagged(asking, ONE_THRESHOLD)) {
    let drawn = generated(slot);
    var winner = vec2u(0u);
    for (var id = slice * SLICE + thread; id < min((slice + 1u) * SLICE, V); id += THREADS) {
      let key = keys[draw * V + id];
      if (key >= bound) { winner = better(winner, vec2u(race_key(key, greatest, drawn, id), id)); }
    }
    winner = reduce_best(thread, winner);
    if (thread == 0u) { slices[draw * (SLICES + 1u) + slice] = winner; }
    return;
  }
  // a thread owns neighbouring ids, so that the order of the kept ones is that of the ids
  let run = SLICE / THREADS;
  let start = slice * SLICE + thread * run;
  let end = min(start + run, V);
  var count = 0u;
  for (var id = start; id < end; id++) { count += u32(keys[draw * V + id] >= bound); }
  counts[thread] = count;
  workgroupBarrier();
  var place = 0u;
  for (var i = 0u; i < thread; i++) { place += counts[i]; }
  if (thread == THREADS - 1u) { slices[draw * (SLICES + 1u) + slice] = vec2u(place + count, 0u); }
  for (var id = start; id < end; id++) {
    let key = keys[draw * V + id];
    if (key >= bound) {
      kept[(draw * SLICES + slice) * SLICE + place] = vec2u(key, id);
      place++;
    }
  }
}
