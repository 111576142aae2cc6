// Short causal convolution: y[t] = output(sum over taps k of w[k] * input(x[t - TAPS + 1 + k])); what input and output are says
// the import `conv`. A workgroup takes 4 * CHANNELS channels of all tokens, so that it alone reads and writes their history:
// the inputs of the last positions, position p of a slot's sequence at p mod TAPS.
#import state
#import vectors
#import conv
override WIDTH: u32;         // channels, multiple of 4
#import conv-taps
override CHANNELS: u32;      // units of 4 channels of a workgroup
override TOKENS: u32;        // tokens at a time
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> history: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// A row of the batch.
struct Row {
  t: u32,
  slot: u32,
  position: u32,
  before: u32,               // rows of its sequence before it in the batch
}

fn row_at(t: u32) -> Row {
  let slot = slot_of(t);
  return Row(t, slot, position_of(t), t - first_row(slot));
}

// The input `back` tokens before a row's, zero before the sequence begins.
fn before(row: Row, back: u32, channel: u32) -> vec4f {
  if (back > row.position) { return vec4f(); }
  if (back > row.before) { return history[history_at(row.slot, row.position - back) + channel]; }
  return input(row.t - back, channel);
}

@compute @workgroup_size(CHANNELS, TOKENS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_id) thread: vec3u) {
  if (stopped()) { return; }
  let channel = workgroup.x * CHANNELS + thread.x;
  let mine = channel < WIDTH / 4u;
  for (var t = thread.y; t < batch_rows() && mine; t += TOKENS) {
    let row = row_at(t);
    var sum = vec4f();
    for (var tap = 0u; tap < TAPS; tap++) { sum += weight(channel, tap) * before(row, TAPS - 1u - tap, channel); }
    y[t * (WIDTH / 4u) + channel] = output(t, channel, sum);
  }
  storageBarrier();
  // the last positions of each sequence, the oldest of them possibly from before the batch and in place already
  for (var i = thread.y; i < sequences() && mine; i += TOKENS) {
    let slot = slot_at(i);
    let count = row_count(slot);
    for (var back = 0u; back < min(TAPS - 1u, count); back++) {
      let row = row_at(first_row(slot) + count - 1u - back);
      history[history_at(slot, row.position) + channel] = input(row.t, channel);
    }
  }
}
