// The rows of a batch: which sequence each belongs to, where it stands there, and when there is nothing to do. All that
// kernels know of it comes from the functions here (and from `query_tile`, `page_of`), so that only these change with what
// a batch may hold.
//
//   row       t, one token of the batch: of the prompts' chunks in prefill, the last token of each sequence in decode
//   slot      place of a running sequence, from when it begins to when it ends (not a slot of experts: a token's n-th expert)
//   position  place of a row's token in its sequence, from 0; its key and value stand there in the cache
//   draw      one of the sequences of which this batch draws a token
//
//   stopped()             the kernel has nothing to do and returns before it writes: what is queued past the end
//   batch_rows()          rows in this batch
//   last_row()            the row whose logits are wanted, where that is one
//   slot_of(t)            whose row it is
//   position_of(t)        where it stands
//   sequences()           in this batch
//   slot_at(i)            the slot of its i-th sequence
//   first_row(slot)       the slot's rows in this batch: they are neighbours in it and in the sequence
//   row_count(slot)       0 where it has none
//   length_after(slot)    positions of the sequence, this batch included
//   draws()               tokens that are drawn after this batch
//   drawing_slot(i)       the slot for which the i-th is drawn
//   drawn_row(i)          the row whose logits it is drawn from
//   ended(slot)           no more tokens are to be drawn for it
//   generated(slot)       tokens sampled since the request began
//   unknown_zero()        0 that no compiler can see through
//
// What is kept by slot is read by `first_row`, `end_row`, `slot_word` and `generated` of `state.wgsl` and `state-written.wgsl`.
// In a kernel that changes them, each is read anew at every call: call it outside of loops.
const MAX_SEQUENCES = 8u;

// In GPU memory, so that many steps can be queued without the CPU in between: kernels read it, the sampler advances it. (Structs of 128, 192
// and 400 bytes were measured to be equally fast on an H200.)
struct State {
  // by slot: its first row in this batch, and the one behind its last
  firsts: BySlot,
  ends: BySlot,
  // tokens in this batch
  rows: u32,
  sequences: u32,
  draws: u32,
  // row of the first draw
  last_row: u32,
  // slots of the batch in the order of their rows, then those that draw: 4 bits each, the first in the lowest
  order: u32,
  drawing: u32,
  // a bit a slot: it has rows in this batch
  present: u32,
  unused: u32,
  // by slot, from here on what the sampler changes: positions in the KV cache before this batch; and in the bits from ENDED_BIT on
  // 1 once an end-of-turn token was sampled, 2 once the logits were no numbers
  places: BySlot,
  // tokens sampled since the request began
  generated: BySlot,
}

const ENDED_BIT = 30u;
const POSITION = 0x3fffffffu;

fn sequences() -> u32 { return state.sequences; }

fn slot_at(i: u32) -> u32 { return (state.order >> (i * 4u)) & 15u; }

// Once all sequences of a batch have ended, what is still queued costs next to nothing. No load waits for another one: each
// kernel begins with this.
fn stopped() -> bool {
  let first = vec4u(slot_word(0u), slot_word(1u), slot_word(2u), slot_word(3u)) <= vec4u(POSITION);
  let others = vec4u(slot_word(4u), slot_word(5u), slot_word(6u), slot_word(7u)) <= vec4u(POSITION);
  let present = vec4u(state.present);
  return !any((first & ((present & vec4u(1u, 2u, 4u, 8u)) != vec4u()))
    | (others & ((present & vec4u(16u, 32u, 64u, 128u)) != vec4u())));
}

fn batch_rows() -> u32 { return state.rows; }

fn last_row() -> u32 { return state.last_row; }

fn slot_of(t: u32) -> u32 {
  var slot = slot_at(0u);
  for (var i = 1u; i < state.sequences; i++) {
    let next = slot_at(i);
    if (t >= first_row(next)) { slot = next; }
  }
  return slot;
}

fn position_of(t: u32) -> u32 {
  let slot = slot_of(t);
  return position_before(slot) + t - first_row(slot);
}

fn position_before(slot: u32) -> u32 { return slot_word(slot) & POSITION; }

fn row_count(slot: u32) -> u32 { return end_row(slot) - first_row(slot); }

fn length_after(slot: u32) -> u32 { return position_before(slot) + row_count(slot); }

fn draws() -> u32 { return state.draws; }

fn drawing_slot(i: u32) -> u32 { return (state.drawing >> (i * 4u)) & 15u; }

fn drawn_row(i: u32) -> u32 { return end_row(drawing_slot(i)) - 1u; }

fn ended(slot: u32) -> bool { return slot_word(slot) > POSITION; }

// No batch has so many rows.
fn unknown_zero() -> u32 { return state.rows >> 31u; }
