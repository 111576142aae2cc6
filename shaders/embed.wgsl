// x[t] = SCALE * row of the embedding W[V, K], dequantised, or x[t] += it. One thread per token and unit of 8 columns.
// `index` says which row: the token's, that of its position, or the first.
#import weights
#import state
#import index
override V: u32;             // rows of W
override FIRST: u32;         // of its rows in the whole embedding; an index outside of them gives zeros
override SCALE: f32;
override ADD: bool;
override THREADS: u32;
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let unit = workgroup.x * THREADS + thread;
  if (unit >= K / 8u) { return; }
  let row = row_of(workgroup.y) - FIRST;   // below FIRST it wraps around, past V
  var values = Unit(vec4f(0.0), vec4f(0.0));
  if (row < V) { values = unit_values(row, unit); }
  let place = (workgroup.y * (K / 8u) + unit) * 2u;
  if (ADD) {
    x[place] += SCALE * values.a;
    x[place + 1u] += SCALE * values.b;
  } else {
    x[place] = SCALE * values.a;
    x[place + 1u] = SCALE * values.b;
  }
}
