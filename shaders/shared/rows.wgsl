// The rows of a batch: which sequence each belongs to, where it stands there, and when there is nothing to do. All that
// kernels know of it comes from the functions here (and from `query_tile`, `page_of`), so that only these change with what
// a batch may hold. Today all rows are neighbours in one sequence.
//
//   row       t, one token of the batch: a chunk of the prompt in prefill, the last token in decode
//   slot      place of a running sequence in the batch; so far there is one (not a slot of experts: a token's n-th expert)
//   position  place of a row's token in its sequence, from 0; its key and value stand there in the cache
//
//   stopped()             the kernel has nothing to do and returns before it writes: what is queued past the end
//   batch_rows()          rows in this batch
//   last_row()            the last of them, whose logits are wanted; in decode the only one
//   decode_row()          the row that a kernel of decode computes
//   slot_of(t)            whose row it is
//   position_of(t)        where it stands
//   first_row(slot)       the slot's rows in this batch: they are neighbours in it and in the sequence
//   row_count(slot)
//   length_after(slot)    positions of the sequence, this batch included
//   generated()           tokens sampled since the request began
//   unknown_zero()        0 that no compiler can see through
//
// In a kernel that changes them, each is read anew at every call: call it outside of loops.

// In GPU memory, so that many steps can be queued without the CPU in between: kernels read it, the sampler advances it.
struct State {
  // positions in the KV cache before this batch; row t of the batch sits at `position + t`
  position: u32,
  // tokens in this batch
  rows: u32,
  // 1 once an end-of-turn token was sampled, 2 once the logits were no numbers: kernels return early, so what is still
  // queued costs next to nothing
  finished: u32,
  // tokens sampled since the request began
  generated: u32,
}

fn stopped() -> bool { return state.finished != 0u; }

fn batch_rows() -> u32 { return state.rows; }

fn last_row() -> u32 { return state.rows - 1u; }

fn decode_row() -> u32 { return 0u; }

fn slot_of(t: u32) -> u32 { return 0u; }

fn position_of(t: u32) -> u32 { return state.position + t; }

fn first_row(slot: u32) -> u32 { return 0u; }

fn row_count(slot: u32) -> u32 { return state.rows; }

fn length_after(slot: u32) -> u32 { return state.position + state.rows; }

fn generated() -> u32 { return state.generated; }

// Kernels have returned where it is not.
fn unknown_zero() -> u32 { return state.finished; }
