// Mamba-2 in chunks of CHUNK rows (state space duality: Dao & Gu 2024), what heads of a group share: mix[i, j] = C_i B_j for j <= i,
// 0 beyond; a workgroup a chunk of a sequence and group.
#import query-tile
override GROUPS: u32;
override STATE: u32;
override INNER: u32;         // elements of x in a row
override THREADS: u32;
const CHUNK = 64u;
const TILES = CHUNK / 4u;
override STATES: u32 = STATE / 4u;
override UNITS: u32 = INNER / 4u + 2u * GROUPS * STATES;
@group(0) @binding(0) var<storage, read> rows: array<vec4f>;              // [T, 4 UNITS]: x, B, C after the convolution
@group(0) @binding(1) var<storage, read_write> mix: array<vec4f>;         // [chunk, group, CHUNK, CHUNK]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (stopped() || workgroup.x >= query_tiles(CHUNK, 1u)) { return; }
  let chunk = query_tile(workgroup.x, CHUNK, 1u);
  let last = chunk.end - 1u;
  let b_at = INNER / 4u + workgroup.y * STATES;
  let c_at = b_at + GROUPS * STATES;
  let states = STATES + unknown_zero();                   // no compiler is to write the loop out
  for (var tile = thread; tile < TILES * TILES; tile += THREADS) {
    let i = tile / TILES * 4u;
    let j = tile % TILES * 4u;
    if (j > i) { continue; }
    var sums = array<vec4f, 4>();
    for (var unit = 0u; unit < states; unit++) {
      var b = mat4x4f();
      for (var e = 0u; e < 4u; e++) { b[e] = rows[min(chunk.first + j + e, last) * UNITS + b_at + unit]; }
      for (var e = 0u; e < 4u; e++) { sums[e] += rows[min(chunk.first + i + e, last) * UNITS + c_at + unit] * b; }
    }
    for (var e = 0u; e < 4u; e++) {
      let row = i + e;
      let seen = vec4u(j, j + 1u, j + 2u, j + 3u) <= vec4u(row);
      mix[((workgroup.x * GROUPS + workgroup.y) * CHUNK + row) * TILES + j / 4u] = select(vec4f(), sums[e], seen);
    }
  }
}
