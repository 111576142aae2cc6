// Exact borders in a list of candidates too long to rank: a search over key values, five ways a round, that
// counts and weighs all candidates at or above four pivots. Sums run in a fixed order, so that the same input
// gives the same cut.
#import sample-best
#import sample-weight
// by draw: (key, id) of the candidates, ids ascending
@group(0) @binding(3) var<storage, read_write> candidates: array<vec2u>;

struct Search {
  // the greatest value known to satisfy the search, and the candidates at or above it
  low: u32,
  low_count: u32,
  // the least value known not to: once low + 1, its count and mass are those above `low`
  high: u32,
  high_count: u32,
  high_mass: f32,
}
var<workgroup> found: Search;
var<workgroup> range: vec2u;
var<workgroup> pivot_counts: array<vec4u, THREADS>;
var<workgroup> pivot_masses: array<vec4f, THREADS>;

// What is searched over: the key; with `tie` != 0 the place in the order (key, lower id first) around that
// key.
fn search_value(candidate: vec2u, tie: u32) -> u32 {
  if (tie == 0u) { return candidate.x; }
  return select(0u, select(~candidate.y, 0xffffffffu, candidate.x > tie), candidate.x >= tie);
}

fn sum_groups(thread: u32) {
  workgroupBarrier();
  if (thread % GROUP == 0u) {
    for (var i = thread + 1u; i < min(thread + GROUP, THREADS); i++) {
      pivot_counts[thread] += pivot_counts[i];
      pivot_masses[thread] += pivot_masses[i];
    }
  }
  workgroupBarrier();
}

// Moves found.low up to the greatest value with at least `count` candidates and `mass` at or above it. The
// caller has set `found` so that low satisfies this (or is the least value there is) and high does not.
fn search(thread: u32, total: u32, tie: u32, count: u32, mass: f32, greatest: f32) {
  if (thread == 0u) { range = vec2u(found.low, found.high); }
  loop {
    let bounds = workgroupUniformLoad(&range);
    if (bounds.y - bounds.x <= 1u) { break; }
    let width = bounds.y - bounds.x;
    let pivots = bounds.x + min(max(1u, width / 5u) * vec4u(1u, 2u, 3u, 4u), vec4u(width - 1u));
    var counts = vec4u(0u);
    var masses = vec4f(0.0);
    for (var i = thread; i < total; i += THREADS) {
      let candidate = candidates[draw * V + i];
      let reached = vec4u(search_value(candidate, tie)) >= pivots;
      counts += select(vec4u(0u), vec4u(1u), reached);
      masses += select(vec4f(0.0), vec4f(weight_of(candidate.x, greatest)), reached);
    }
    pivot_counts[thread] = counts;
    pivot_masses[thread] = masses;
    sum_groups(thread);
    if (thread == 0u) {
      counts = pivot_counts[0];
      masses = pivot_masses[0];
      for (var i = GROUP; i < THREADS; i += GROUP) {
        counts += pivot_counts[i];
        masses += pivot_masses[i];
      }
      for (var i = 0u; i < 4u; i++) {
        if (counts[i] >= count && masses[i] >= mass) {
          found.low = pivots[i];
          found.low_count = counts[i];
        } else {
          found.high = pivots[i];
          found.high_count = counts[i];
          found.high_mass = masses[i];
          break;
        }
      }
      range = vec2u(found.low, found.high);
    }
  }
}
