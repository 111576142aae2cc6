// Sorts a batch's pairs of token and slot by expert, and cuts each expert's list into tiles of at most TILE pairs: what
// a product with all experts' matrices goes through in prefill. One workgroup. Pairs of one expert come in any order,
// which changes no result: each is computed alone and has its own place.
#import state
override E: u32;             // experts
override SLOTS: u32;         // experts of a token
override TILE: u32;
override THREADS: u32;
// ids[T, SLOTS]
@group(0) @binding(0) var<storage, read> ids: array<u32>;
// pairs[T * SLOTS]: token * SLOTS + slot, by expert
@group(0) @binding(1) var<storage, read_write> pairs: array<u32>;
// (expert, its first pair in `pairs`, end of its pairs, -); first = end where there is no tile
@group(0) @binding(2) var<storage, read_write> tiles: array<vec4u>;

var<workgroup> counts: array<atomic<u32>, E>;
var<workgroup> next: array<atomic<u32>, E>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  if (stopped()) { return; }
  let count = batch_rows() * SLOTS;
  for (var pair = thread; pair < count; pair += THREADS) { atomicAdd(&counts[ids[pair]], 1u); }
  for (var i = thread; i < count / TILE + min(E, count); i += THREADS) { tiles[i] = vec4u(); }
  workgroupBarrier();
  storageBarrier();
  for (var expert = thread; expert < E; expert += THREADS) {
    var first = 0u;
    var tile = 0u;
    for (var other = 0u; other < expert; other++) {
      let before = atomicLoad(&counts[other]);
      first += before;
      tile += (before + TILE - 1u) / TILE;
    }
    atomicStore(&next[expert], first);
    let end = first + atomicLoad(&counts[expert]);
    for (; first < end; first += TILE) {
      tiles[tile] = vec4u(expert, first, min(first + TILE, end), 0u);
      tile++;
    }
  }
  workgroupBarrier();
  for (var pair = thread; pair < count; pair += THREADS) { pairs[atomicAdd(&next[ids[pair]], 1u)] = pair; }
}
