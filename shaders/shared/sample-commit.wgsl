// The end of a step: hand a sequence's token on and advance it. Called by one thread.
#import state-written
#import sample-params
#import sample-keys
override V: u32;             // vocabulary size
override RING: u32;          // entries of `ids`, a power of two
const WINDOW = 64u;          // positions that the repetition penalty looks back
// [MAX_SEQUENCES]: the next step's input
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
// ids[slot][generated % RING]: for the host
@group(0) @binding(5) var<storage, read_write> ids: array<u32>;
// by slot: [V] occurrences (generated << 8 | in the window), then [WINDOW] the ids in the window
@group(0) @binding(6) var<storage, read_write> history: array<u32>;

// Logits that nothing can be drawn from end the sequence; the host raises an error.
fn fail() { stop(slot, NO_NUMBERS); }

fn commit(id: u32) {
  let count = generated(slot);
  if (uses(USES_HISTORY)) {
    let seen = asked[slot].tail + count;
    let first = slot * (V + WINDOW);
    let place = first + V + seen % WINDOW;
    if (seen >= WINDOW) { history[first + history[place]] -= 1u; }
    history[place] = id;
    history[first + id] += 0x101u;
  }
  tokens[slot] = id;
  ids[slot * RING + count % RING] = id;
  advance(slot);
  for (var i = 0u; i < asked[slot].end_count; i++) {
    if (asked[slot].end_tokens[i / 4u][i % 4u] == id) { stop(slot, END_TOKEN); }
  }
}
