// Which keys the token at a position sees: from `first_key` to `last_key`, both included.
#import state
override WINDOW: u32 = 0u;       // newest keys that a token sees, its own included; 0 = all
override CAUSAL: bool = true;    // false: every token of the batch sees all of its sequence's

fn first_key(position: u32) -> u32 {
  if (WINDOW == 0u) { return 0u; }
  return position - min(position, WINDOW - 1u);
}

// The first key of the first block that matters.
fn first_block(position: u32) -> u32 {
  return first_key(position) / BLOCK * BLOCK;
}

fn last_key(slot: u32, position: u32) -> u32 {
  if (CAUSAL) { return position; }
  return length_after(slot) - 1u;
}
