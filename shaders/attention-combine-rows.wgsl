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
  let row = workgroup.y;
  let first = row * SPLITS * HEADS + head;
  let end = first + parts_at(position_of(row)) * HEADS;
  var largest = parts[first * (UNITS + 1u) + UNITS].x;
  for (var part = first + HEADS; part < end; part += HEADS) {
    largest = max(largest, parts[part * (UNITS + 1u) + UNITS].x);
  }
  for (var unit = thread; unit < UNITS; unit += THREADS) {
    var values = vec4f();
    var weights = 0.0;
    for (var part = first; part < end; part += HEADS) {
      let base = part * (UNITS + 1u);
      let seen = parts[base + UNITS];
      let shrink = exp2(seen.x - largest);
      weights += shrink * seen.y;
      values += shrink * parts[base + unit];
    }
    out[(row * HEADS + head) * UNITS + unit] = values / weights;
  }
}
