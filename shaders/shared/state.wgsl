// What every kernel of a program reads: see rows.wgsl for the functions. Glossary of dimension letters: docs/kernels.md.
// elements of an array in a uniform are multiples of 16 bytes
alias BySlot = array<vec4u, 2>;
#import rows
@group(0) @binding(8) var<uniform> state: State;

fn first_row(slot: u32) -> u32 { return state.firsts[slot / 4u][slot % 4u]; }
fn end_row(slot: u32) -> u32 { return state.ends[slot / 4u][slot % 4u]; }
fn slot_word(slot: u32) -> u32 { return state.places[slot / 4u][slot % 4u]; }
fn generated(slot: u32) -> u32 { return state.generated[slot / 4u][slot % 4u]; }
