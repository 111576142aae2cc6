// Greatest key of a workgroup with its id, the lowest id on ties: independent of order, so always the same.
override THREADS: u32;       // a power of two
var<workgroup> best_keys: array<u32, THREADS>;
var<workgroup> best_ids: array<u32, THREADS>;

// Afterwards best_keys[0] and best_ids[0] hold the result, visible to all.
fn reduce_best(thread: u32, key: u32, id: u32) {
  best_keys[thread] = key;
  best_ids[thread] = id;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) {
      let other = best_keys[thread + half];
      let other_id = best_ids[thread + half];
      if (other > best_keys[thread] || (other == best_keys[thread] && other_id < best_ids[thread])) {
        best_keys[thread] = other;
        best_ids[thread] = other_id;
      }
    }
  }
  workgroupBarrier();
}
