// The same for the last dispatch of a step, which hands over to the next one.
#import rows
@group(0) @binding(8) var<storage, read_write> state: State;

const END_TOKEN = 1u;
const NO_NUMBERS = 2u;

// The sequence ends here. `why`: END_TOKEN or NO_NUMBERS.
fn stop(why: u32) { state.finished = why; }

// One more token was sampled: the next batch is that token.
fn advance() {
  state.position += state.rows;
  state.rows = 1u;
  state.generated += 1u;
}
