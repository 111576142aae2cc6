// The same row for every token.
fn row_of(t: u32) -> u32 { return 0u; }
