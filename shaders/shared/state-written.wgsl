// The same for the last dispatch of a step, which hands over to the next one.
#import rows
@group(0) @binding(8) var<storage, read_write> state: State;

const END_TOKEN = 1u;
const NO_NUMBERS = 2u;

// The sequence ends here. `why`: END_TOKEN or NO_NUMBERS.
fn stop(slot: u32, why: u32) { state.slots[slot].finished = why; }

// One more token was sampled: it is the slot's row of the next batch.
fn advance(slot: u32) {
  state.slots[slot].position += row_count(slot);
  state.slots[slot].generated += 1u;
}
