// attention-combine for CPUs that pretend to be a GPU: a thread alone joins the parts of 4 elements of a head, since
// barriers cost more there than loads.
#import state
#import attention-mask
#import attention-split
override HEADS: u32;
override HEAD_DIM: u32;      // multiple of 4
override THREADS: u32;
override UNITS: u32 = HEAD_DIM / 4u;
const BLOCK = 16u;           // as in kv-cache.wgsl

@group(0) @binding(0) var<storage, read> parts: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let head = workgroup.x;
  let end = parts_at(position_of(decode_row())) * HEADS;
  var largest = parts[head * (UNITS + 1u) + UNITS].x;
  for (var split = HEADS; split < end; split += HEADS) {
    largest = max(largest, parts[(split + head) * (UNITS + 1u) + UNITS].x);
  }
  for (var unit = thread; unit < UNITS; unit += THREADS) {
    var values = vec4f();
    var weights = 0.0;
    for (var split = 0u; split < end; split += HEADS) {
      let base = (split + head) * (UNITS + 1u);
      let seen = parts[base + UNITS];
      let shrink = exp2(seen.x - largest);
      weights += shrink * seen.y;
      values += shrink * parts[base + unit];
    }
    out[head * UNITS + unit] = values / weights;
  }
}
