// finish(X W^T) for the T tokens of a batch on a software adapter: no workgroup memory, no barrier. A thread
// computes two row groups, one of each half of W, for up to TOKENS tokens: weights are dequantised once for
// all of them. The sums stay in a private array, which costs a CPU little; tokens that are not there cost
// nothing.
#import state
#import weights
#import batch
#import tile-halves
#import epilogue
override THREADS: u32;
const TOKENS = 32u;
// x[T, K]
@group(0) @binding(2) var<storage, read> x: array<vec4f>;

struct Rows {
  a: mat4x4f,
  b: mat4x4f,
}

// One unit of the 4 rows of a group.
fn rows_at(group: u32, unit: u32) -> Rows {
  let p = unit_values(group * 4u, unit);
  let q = unit_values(group * 4u + 1u, unit);
  let r = unit_values(group * 4u + 2u, unit);
  let s = unit_values(group * 4u + 3u, unit);
  return Rows(mat4x4f(p.a, q.a, r.a, s.a), mat4x4f(p.b, q.b, r.b, s.b));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tile = tile_at(id.y);
  if (stopped() || tile.first >= tile.end || id.x >= HALF) { return; }
  let tokens = min(TOKENS, tile.end - tile.first);
  let other = min(id.x + HALF, GROUPS - 1u);
  var sums: array<vec4f, 2u * TOKENS>;
  for (var unit = 0u; unit < K / 8u; unit++) {
    let first = rows_at(tile.matrix + id.x, unit);
    let second = rows_at(tile.matrix + other, unit);
    for (var token = 0u; token < tokens; token++) {
      let i = input_row(tile.first + token) * (K / 4u) + unit * 2u;
      let xa = x[i];
      let xb = x[i + 1u];
      sums[token * 2u] += xa * first.a + xb * first.b;
      sums[token * 2u + 1u] += xa * second.a + xb * second.b;
    }
  }
  for (var token = 0u; token < tokens; token++) {
    finish_halves(
      output_row(tile.first + token), tile.matrix, id.x, sums[token * 2u], sums[token * 2u + 1u]);
  }
}
