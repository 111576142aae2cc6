// The weight holds the matrices of all experts, one below the other. Slot s of the token stands for expert ids[s], and
// its result is row s.
@group(0) @binding(6) var<storage, read> ids: array<u32>;

// Where the slot's matrix begins, in row groups.
fn first_group(slot: u32) -> u32 { return ids[slot] * (GROUPS + PAIR_GROUPS); }
