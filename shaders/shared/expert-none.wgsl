// One matrix, one result.
fn holds(slot: u32) -> bool { return true; }

fn first_group(slot: u32) -> u32 { return 0u; }

// The row of activations.
fn input_row(slot: u32) -> u32 { return last_row(); }
