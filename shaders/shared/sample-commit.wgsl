// The end of a decode step: hand the token on and advance the sequence. Called by one thread.
#import state-written
#import sample-params
#import sample-keys
override V: u32;             // vocabulary size
override RING: u32;          // entries of `ids`, a power of two
const WINDOW = 64u;          // positions that the repetition penalty looks back
// [T]: the next step's input
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
// ids[generated % RING]: for the host
@group(0) @binding(5) var<storage, read_write> ids: array<u32>;
// [V] occurrences (generated << 8 | in the window), then [WINDOW] the ids in the window
@group(0) @binding(6) var<storage, read_write> history: array<u32>;

// Logits that nothing can be drawn from end the sequence; the host raises an error.
fn fail() { stop(NO_NUMBERS); }

fn commit(id: u32) {
  let count = generated();
  if (uses(USES_HISTORY)) {
    let seen = params.tail + count;
    let slot = V + seen % WINDOW;
    if (seen >= WINDOW) { history[history[slot]] -= 1u; }
    history[slot] = id;
    history[id] += 0x101u;
  }
  tokens[decode_row()] = id;
  ids[count % RING] = id;
  advance();
  for (var i = 0u; i < params.end_count; i++) {
    if (params.end_tokens[i / 4u][i % 4u] == id) { stop(END_TOKEN); }
  }
}
