// The token that was sampled last for the row's sequence.
@group(0) @binding(2) var<storage, read> tokens: array<u32>;

fn row_of(t: u32) -> u32 { return tokens[slot_of(t)]; }
