// One matrix, one result.
fn first_group(slot: u32) -> u32 { return 0u; }
