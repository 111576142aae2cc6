// x[t] = row tokens[t] of the embedding W[V, K], dequantised. One thread per token and unit of 8 columns.
#import weights
#import state
override V: u32;             // rows of W; a token id past them gives zeros
override THREADS: u32;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(8) var<uniform> state: State;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (state.finished != 0u) { return; }
  let unit = workgroup.x * THREADS + thread;
  if (unit >= K / 8u) { return; }
  let token = tokens[workgroup.y];
  var values = Unit(vec4f(0.0), vec4f(0.0));
  if (token < V) { values = unit_values(token, unit); }
  let place = (workgroup.y * (K / 8u) + unit) * 2u;
  x[place] = values.a;
  x[place + 1u] = values.b;
}
