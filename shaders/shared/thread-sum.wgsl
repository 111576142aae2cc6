var<workgroup> partial: array<f32, THREADS>;

// Sum over all threads of the workgroup.
fn thread_sum(part: f32, thread: u32) -> f32 {
  partial[thread] = part;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < THREADS; i++) { sum += partial[i]; }
  workgroupBarrier();
  return sum;
}
