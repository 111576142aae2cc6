// finish(W x) for one token on a software adapter: one thread computes the 4 rows of a row group, since there
// reductions and barriers cost more than they save. Same parts and meaning as matvec.wgsl.
#import state
#import weights
#import activation
#import expert
#import row-product
#import bias
#import epilogue
override GROUPS: u32;
override THREADS: u32;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;

var<workgroup> squares: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  if (stopped() || !holds(workgroup.z)) { return; }
  let base = input_row(workgroup.z) * (K / 4u);
  var scale = 1.0;
  if (NORMALISED) {
    var part = 0.0;
    for (var i = thread; i < K / 4u; i += THREADS) { part += dot(x[base + i], x[base + i]); }
    squares[thread] = part;
    workgroupBarrier();
    var total = 0.0;
    for (var i = 0u; i < THREADS; i++) { total += squares[i]; }
    scale = rms_scale(total);
  }
  let group = (workgroup.y * workgroups.x + workgroup.x) * THREADS + thread;
  if (group >= GROUPS) { return; }
  let matrix = first_group(workgroup.z);
  let product = row_product(matrix + group, base);
  let result = biased(product.result * scale, matrix + group);
  let paired = biased(product.paired * scale, matrix + group + PAIR_GROUPS);
  finish(workgroup.z, group, result, paired);
}
