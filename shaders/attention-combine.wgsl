// Second half of a split decode: joins the parts that attention-result-part wrote, one workgroup a row and query head. Its
// threads form a grid of UNITS by LANES; a lane takes every LANES-th part, DEPTH of them at most, all asked for at once.
#import state
#import attention-softmax
#import attention-mask
#import attention-split
override HEADS: u32;
override HEAD_DIM: u32;      // multiple of 4
override THREADS: u32;       // at least HEAD_DIM / 4
override UNITS: u32 = HEAD_DIM / 4u;
const BLOCK = 16u;           // as in kv-cache.wgsl
override LANES: u32 = THREADS / UNITS;
override DEPTH: u32 = (SPLITS + LANES - 1u) / LANES;

@group(0) @binding(0) var<storage, read> parts: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;

var<workgroup> maxima: array<f32, LANES>;
var<workgroup> weights: array<f32, LANES>;
var<workgroup> sums: array<vec4f, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let row = workgroup.y;
  let count = parts_at(position_of(row));
  let head = workgroup.x;
  let unit = thread % UNITS;
  let lane = min(thread / UNITS, LANES - 1u);
  var largest = NO_MAXIMUM;
  var weight = 0.0;
  var values = vec4f();
  for (var j = 0u; j < DEPTH; j++) {
    let part = lane + j * LANES;
    // past the last: read that one and give it no weight, so that no load waits for a branch
    let base = ((row * SPLITS + min(part, count - 1u)) * HEADS + head) * (UNITS + 1u);
    let seen = parts[base + UNITS];
    let value = parts[base + unit];
    let maximum = select(MASKED, seen.x, part < count);
    let highest = max(largest, maximum);
    let shrink = exp2(largest - highest);
    let w = exp2(maximum - highest);
    largest = highest;
    weight = weight * shrink + w * seen.y;
    values = values * shrink + w * value;
  }
  sums[thread] = values;
  if (unit == 0u && thread < LANES * UNITS) {
    maxima[lane] = largest;
    weights[lane] = weight;
  }
  workgroupBarrier();
  if (thread >= UNITS) { return; }
  var highest = NO_MAXIMUM;
  for (var l = 0u; l < LANES; l++) { highest = max(highest, maxima[l]); }
  var total = 0.0;
  values = vec4f();
  for (var l = 0u; l < LANES; l++) {
    let w = exp2(maxima[l] - highest);
    total += w * weights[l];
    values += w * sums[l * UNITS + thread];
  }
  out[(row * HEADS + head) * UNITS + thread] = values / total;
}
