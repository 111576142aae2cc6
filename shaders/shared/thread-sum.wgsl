var<workgroup> partial: array<f32, THREADS>;

// Sum over all threads of the workgroup, a power of two: by 16 of them, then by all.
fn thread_sum(part: f32, thread: u32) -> f32 {
  partial[thread] = part;
  workgroupBarrier();
  if (THREADS > 32u) {
    if (thread < 16u) {
      var sum = 0.0;
      for (var i = thread; i < THREADS; i += 16u) { sum += partial[i]; }
      partial[thread] = sum;
    }
    workgroupBarrier();
  }
  var sum = 0.0;
  for (var i = 0u; i < select(16u, THREADS, THREADS <= 32u); i++) { sum += partial[i]; }
  workgroupBarrier();
  return sum;
}
