// The same for the last dispatch of a step, which hands over to the next one. Slots are written side by side, and writing a component
// of a vector may write all of it.
alias BySlot = array<u32, 8>;
#import rows
@group(0) @binding(8) var<storage, read_write> state: State;

const END_TOKEN = 1u;
const NO_NUMBERS = 2u;

fn first_row(slot: u32) -> u32 { return state.firsts[slot]; }
fn end_row(slot: u32) -> u32 { return state.ends[slot]; }
fn slot_word(slot: u32) -> u32 { return state.places[slot]; }
fn generated(slot: u32) -> u32 { return state.generated[slot]; }

// The sequence ends here. `why`: END_TOKEN or NO_NUMBERS.
fn stop(slot: u32, why: u32) { state.places[slot] |= why << ENDED_BIT; }

// One more token was sampled: it is the slot's row of the next batch.
fn advance(slot: u32) {
  state.places[slot] += row_count(slot);
  state.generated[slot] += 1u;
}
