// The weight holds the matrices of HELD experts from FIRST_EXPERT on, one below the other. Slot s of the token stands for
// expert ids[s], and its result is row s.
override FIRST_EXPERT: u32;
override HELD: u32;
@group(0) @binding(6) var<storage, read> ids: array<u32>;

// A smaller id wraps around and is too large as well.
fn holds(slot: u32) -> bool { return ids[slot] - FIRST_EXPERT < HELD; }

// Where the slot's matrix begins, in row groups.
fn first_group(slot: u32) -> u32 { return (ids[slot] - FIRST_EXPERT) * (GROUPS + PAIR_GROUPS); }

// The row of activations.
fn input_row(slot: u32) -> u32 { return last_row(); }
