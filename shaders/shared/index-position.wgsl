// Learned positions: the row of a token's position.
fn row_of(t: u32) -> u32 { return position_of(t); }
